#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "runtime/health.hpp"
#include "store/channel.hpp"
#include "util/environment.hpp"
#include "util/worker_pool.hpp"

namespace dlock {

/// Follows one feed on a thread of its own. When the feed breaks, it begins again. It stops when it is destroyed.
class follower {
 public:
  /// The thread of the follower calls these functions. They must not throw. They must own what they use, because a last
  /// call may come after the end of the follower.
  struct listener {
    std::function<void(bool)> opened;  // whether documents that are inserted from now on are received
    std::function<void(const bson_t*)> heard;
    std::function<void()> gap = [] {};  // some documents may have been missed
  };
  follower(std::shared_ptr<channel> where, channel::feed what, listener to, std::shared_ptr<health> state,
           health::part part, std::shared_ptr<environment> env);
  follower(const follower&) = delete;
  follower& operator=(const follower&) = delete;
  /// Waits for the thread, at most the `patience` of stop(). If that thread itself calls it, it does not wait.
  ~follower();
  void stop(std::chrono::milliseconds patience);

  /// Waits until documents that are inserted from now on are received.
  [[nodiscard]] bool wait_until_open(std::chrono::milliseconds timeout) const;

 private:
  struct shared;
  std::shared_ptr<shared> shared_;
  worker_pool thread_{1, "dlock-follow"};
};

}  // namespace dlock
