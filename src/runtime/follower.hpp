#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

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
    std::function<void()> opened;                               // documents that are inserted from now on are received
    std::function<std::int64_t(const std::string& why)> broke;  // returns when to try again
    std::function<void(const bson_t*)> heard;
    std::function<void()> gap = [] {};  // some documents may have been missed
  };
  follower(std::shared_ptr<channel> where, channel::feed what, listener to, std::shared_ptr<environment> env);
  follower(const follower&) = delete;
  follower& operator=(const follower&) = delete;
  /// Waits for the thread, at most the `patience` of stop(). If that thread itself calls it, it does not wait.
  ~follower();
  /// False: there is no thread for it.
  [[nodiscard]] bool start();
  void stop(std::chrono::milliseconds patience);

 private:
  struct shared;
  std::shared_ptr<shared> shared_;
  worker_pool thread_{1, "dlock-follow"};
};

}  // namespace dlock
