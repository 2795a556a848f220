#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <dlock/election.hpp>

#include "runtime/runtime.hpp"
#include "runtime/subscribers.hpp"

namespace dlock::detail {

/// Looks who leads: when an event of the lock comes, when a lease ends, and every `period`.
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

/// Who leads according to the server, and when that ends unless it is renewed, by the client's clock; no time: nobody
/// leads, or no clock says when. What a leader that resigned leaves for a while (lease::release_at_least) is no leader.
struct leader_seen {
  std::optional<leader_info> who;
  std::optional<protocol::ms> ends;
  std::optional<protocol::sign> sign;  // with observed expiry: what is to be watched instead
};
[[nodiscard]] leader_seen look_for_leader(runtime& core, const std::string& id);

}  // namespace dlock::detail
