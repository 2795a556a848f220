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

/// Decides which heirs this client notifies, and in which order grants and releases of one lock are published.
///
/// The client that admitted an heir sends it a grant notice. Another client does so only if that seems not to have
/// happened. That is so in two cases: the heir has not sent a command for 100 ms; or the answer is the answer to a
/// cancel, because a cancel also follows a release whose answer was lost. No client notifies the same heir twice within
/// a second.
///
/// A release of this client may still be on its way when a later grant of the same lock comes that needs the room of
/// this release. Then the release is published first, although its answer has not come yet: the grant proves it.
class announcements {
 public:
  /// Whether this client sends a grant notice to `h`, an heir in the answer to `r`.
  [[nodiscard]] bool should_notify(const protocol::request& r, const protocol::reply& a, const protocol::heir& h,
                                   ms now);

  /// `a` has to be published once, when the release of `id` has freed the lock.
  void will_free(const std::string& id, protocol::announcement a, bool exclusive);
  /// The release has freed the lock. The result has to be published; there is none if it was published before.
  [[nodiscard]] std::optional<protocol::announcement> freed(const std::string& id);
  /// The release has not freed the lock, or nobody will know whether it has.
  void not_freed(const std::string& id) { to_free_.erase(id); }
  /// The grant `a`, and before it the releases that it proves.
  [[nodiscard]] std::vector<protocol::announcement> granted(protocol::announcement a, bool exclusive);

  [[nodiscard]] std::size_t to_free() const noexcept { return to_free_.size(); }

 private:
  struct release {
    protocol::announcement what;
    bool exclusive = false;
  };
  std::map<std::string, release> to_free_;  // by acquisition
  std::map<std::string, ms> told_;          // the ids of heirs, and when they were notified
};

}  // namespace dlock::engine
