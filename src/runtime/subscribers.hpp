#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <dlock/events.hpp>
#include <dlock/options.hpp>

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
  [[nodiscard]] bool has_ended() const;
  [[nodiscard]] bool forked() const;
  void end(std::chrono::milliseconds patience);

  std::function<bool(std::chrono::milliseconds)> wait_until_open;  // set before others see this object, like on_end
  std::function<void()> on_end;                                    // called once

 private:
  struct shared;
  std::shared_ptr<shared> shared_;
  std::shared_ptr<worker_pool> threads_;
};

}  // namespace detail

/// All subscriptions of a client. Thread-safe. It never calls a callback on the caller's thread.
class subscribers {
 public:
  void add(const std::shared_ptr<detail::subscriber>& s);
  /// How many have not ended.
  [[nodiscard]] std::size_t size() const;
  void deliver(const lock_event& e);

 private:
  mutable std::mutex guard_;
  std::vector<std::weak_ptr<detail::subscriber>> all_;
};

}  // namespace dlock
