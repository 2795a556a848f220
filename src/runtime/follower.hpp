#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "runtime/health.hpp"
#include "store/channel.hpp"
#include "util/environment.hpp"
#include "util/worker_pool.hpp"

namespace dlock {

/// Follows one feed for as long as it lives, on a thread of its own, and begins again whenever it breaks.
class follower {
 public:
  /// Called on that thread; must not throw, and must own what they use: a last call may come after the end.
  struct listener {
    std::function<void(bool)> opened;  // what is inserted now is heard, or is not any more
    std::function<void(const bson_t*)> heard;
    std::function<void()> gap = [] {};  // some may have been missed
  };
  follower(std::shared_ptr<channel> where, channel::feed what, listener to, std::shared_ptr<health> state,
           health::part part, std::shared_ptr<environment> env);
  follower(const follower&) = delete;
  follower& operator=(const follower&) = delete;
  /// Waits for the thread for at most `patience` of stop(); called from that very thread it does not wait.
  ~follower();
  void stop(std::chrono::milliseconds patience);

  /// Until what is inserted now is heard.
  [[nodiscard]] bool wait_until_open(std::chrono::milliseconds timeout) const;

 private:
  struct shared;
  std::shared_ptr<shared> shared_;
  worker_pool thread_{1, "dlock-follow"};
};

}  // namespace dlock
