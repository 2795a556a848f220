#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "protocol/bson.hpp"
#include "store/store.hpp"

namespace dlock {

/// Capped collections as streams: what is inserted by anybody can be followed by everybody. Nothing that goes this way
/// is relied on. One implementation speaks to MongoDB, a fake keeps lists.
class channel {
 public:
  struct feed {
    std::string coll;
    std::int64_t size = 0;  // bytes; if it has to be made
    std::string to;         // only documents with this `to`, from the first there is; empty: all, from now on
  };

  /// How far a feed was followed: the _id of the last document, as {"_id": value}. Empty: not yet.
  struct place {
    bson last;
  };

  /// What a follower is told, on the thread that follows.
  struct callbacks {
    std::function<void()> opened;  // from here on, documents come as they are inserted
    std::function<void(const bson_t*)> heard;
    std::function<void()> gap;  // documents after `place` may have been missed
  };

  channel() = default;
  channel(const channel&) = delete;
  channel& operator=(const channel&) = delete;
  virtual ~channel() = default;

  /// Inserts; the collection is made first, if this process has not seen it yet. Blocks; never throws. Thread-safe.
  [[nodiscard]] virtual answer insert(const feed& where, const std::vector<bson>& documents) = 0;

  /// Follows until `stop` (then the answer is `replied`) or until it cannot any more, and says why: call it again.
  /// Blocks; throws nothing but what a callback throws. Thread-safe.
  [[nodiscard]] virtual answer follow(const feed& what, place& from, const callbacks& to, std::stop_token stop) = 0;

  /// Makes the follow() that was given this place look at its stop token soon. Blocks for as long as I/O takes.
  /// Thread-safe.
  virtual void interrupt(const place& follower) = 0;
};

}  // namespace dlock
