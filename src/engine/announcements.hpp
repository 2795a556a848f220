#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/document.hpp"
#include "protocol/event.hpp"

namespace dlock::engine {

using protocol::ms;

/// Decides who is told of which heir, and in which order grants and releases of one lock are published.
///
/// An heir is told by whoever admitted it. The others tell it only if that seems not to have happened: it has not been
/// heard of for 100 ms, or the answer is that of a cancel, which also follows a release whose answer was lost. Nobody
/// tells it twice within a second.
///
/// A release of this client that is on its way is published before a later grant of the same lock that it makes room
/// for, although its answer has not come yet: the grant proves it.
class announcements {
 public:
  /// Whether this client tells that heir, which an answer to `r` has named.
  [[nodiscard]] bool tells(const protocol::request& r, const protocol::reply& a, const protocol::heir& h, ms now);

  /// What is to be published, once, when the release of `id` has freed the lock.
  void will_free(const std::string& id, protocol::announcement a, bool exclusive);
  /// It has: this is to be published, unless it was before.
  [[nodiscard]] std::optional<protocol::announcement> freed(const std::string& id);
  /// It has not, or nobody will know.
  void not_freed(const std::string& id) { to_free_.erase(id); }
  /// A grant, and before it the releases that it proves.
  [[nodiscard]] std::vector<protocol::announcement> granted(protocol::announcement a, bool exclusive);

  [[nodiscard]] std::size_t to_free() const noexcept { return to_free_.size(); }

 private:
  struct release {
    protocol::announcement what;
    bool exclusive = false;
  };
  std::map<std::string, release> to_free_;  // by acquisition
  std::map<std::string, ms> told_;          // heirs, and when
};

}  // namespace dlock::engine
