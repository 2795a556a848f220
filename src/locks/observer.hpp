#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <dlock/election.hpp>

#include "runtime/runtime.hpp"
#include "runtime/subscribers.hpp"

namespace dlock::detail {

/// Polls who leads: when an event of the lock comes, when a lease ends, and every `period`.
class observer {
 public:
  observer(std::shared_ptr<runtime> core, std::string id, std::chrono::milliseconds period, leader_callback callback);
  observer(const observer&) = delete;
  observer& operator=(const observer&) = delete;
  ~observer();

  void end(std::chrono::milliseconds patience);

 private:
  struct shared;
  std::shared_ptr<shared> shared_;
  std::shared_ptr<runtime> core_;
  std::shared_ptr<subscriber> events_;
};

/// Who leads according to the server, and when the lease of the leader ends by the client's clock unless it is renewed.
/// `ends` is empty if nobody leads, or if no clock says when. A leader that has resigned may leave an entry for a while
/// (lease::release_at_least). Such an entry does not count as a leader.
struct leader_seen {
  std::optional<leader_info> who;
  std::optional<protocol::ms> ends;
  std::optional<protocol::sign> sign;  // with observed expiry: watch this instead
};
[[nodiscard]] leader_seen look_for_leader(runtime& core, const std::string& id);

}  // namespace dlock::detail
