#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "protocol/bson.hpp"
#include "store/store.hpp"

namespace dlock {

/// Capped collections as streams: anybody can insert, and everybody can follow. Nothing relies on what is sent this
/// way. One implementation uses MongoDB, a fake keeps lists.
class channel {
 public:
  struct feed {
    std::string coll;
    std::int64_t size = 0;  // in bytes, for creating the collection
    std::string to;         // only documents with this `to`, from the oldest on; empty: all, from now on
  };

  /// How far a feed was followed: the _id of the last document, as {"_id": value}. Empty: nothing was followed yet.
  struct place {
    bson last;
  };

  /// The callbacks of a follower. They run on the thread that follows.
  struct callbacks {
    std::function<void()> opened;  // from now on, documents come as they are inserted
    std::function<void(const bson_t*)> heard;
    std::function<void()> gap;  // documents after `place` may have been missed
  };

  channel() = default;
  channel(const channel&) = delete;
  channel& operator=(const channel&) = delete;
  virtual ~channel() = default;

  /// Inserts the documents. Creates the collection first, if this process has not seen it yet. Blocks; never throws.
  /// Thread-safe.
  [[nodiscard]] virtual answer insert(const feed& where, const std::vector<bson>& documents) = 0;

  /// Follows until `stop`, and then answers `replied`. If it cannot go on before that, the answer says why; call it
  /// again. Blocks. Throws only what a callback throws. Thread-safe.
  [[nodiscard]] virtual answer follow(const feed& what, place& from, const callbacks& to, std::stop_token stop) = 0;

  /// Makes the follow() that got this place check its stop token soon. Blocks for as long as the I/O takes.
  /// Thread-safe.
  virtual void interrupt(const place& follower) = 0;
};

}  // namespace dlock
