#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <dlock/election.hpp>
#include <dlock/events.hpp>
#include <dlock/options.hpp>

#include "protocol/document.hpp"
#include "runtime/user_calls.hpp"
#include "util/worker_pool.hpp"

namespace dlock {

namespace detail {

/// One subscription: a bounded queue, and a callback that gets one event at a time.
class subscriber {
 public:
  subscriber(std::optional<std::string> id, event_callback callback, log_callback log,
             std::shared_ptr<worker_pool> threads);
  subscriber(const subscriber&) = delete;
  subscriber& operator=(const subscriber&) = delete;
  ~subscriber();

  /// Never blocks.
  void deliver(const lock_event& e);
  [[nodiscard]] bool forked() const;
  void end(std::chrono::milliseconds patience);

  std::function<bool(std::chrono::milliseconds)> wait_until_open;  // set before others see this object, like on_end
  std::function<void()> on_end;                                    // called once

 private:
  struct shared;
  std::shared_ptr<shared> shared_;
  std::shared_ptr<worker_pool> threads_;
};

/// One observation of an election. The engine says what its callback is told, and when (observe_machine).
class observer {
 public:
  observer(const std::string& election, leader_callback callback, log_callback log);
  void tell(const std::optional<leader_info>& who);
  void end(std::chrono::milliseconds patience);

  std::function<void()> on_end;  // called once; set before others see this object

 private:
  const leader_callback callback_;
  user_calls calls_;
};

[[nodiscard]] std::optional<leader_info> info_of(const protocol::holder* leader);

}  // namespace detail

/// All subscriptions of a client. Thread-safe. It never calls a callback on the caller's thread.
class subscribers {
 public:
  void add(const std::shared_ptr<detail::subscriber>& s);
  void deliver(const lock_event& e);

 private:
  mutable std::mutex guard_;
  std::vector<std::weak_ptr<detail::subscriber>> all_;
};

}  // namespace dlock
