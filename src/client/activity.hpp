#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

namespace dlock::detail {

/// How much is going on that close() has to wait for: acquisitions, and what is done in the background.
class activity {
 public:
  /// One thing that goes on, as long as this lives.
  class part {
   public:
    explicit part(std::shared_ptr<activity> of) : of_(std::move(of)) {
      const std::lock_guard lock(of_->guard_);
      ++of_->count_;
    }
    part(part&&) noexcept = default;
    part& operator=(part&&) = delete;
    part(const part&) = delete;
    part& operator=(const part&) = delete;
    ~part() {
      if (!of_) return;
      const std::lock_guard lock(of_->guard_);
      if (--of_->count_ == 0) of_->idle_.notify_all();
    }

   private:
    std::shared_ptr<activity> of_;
  };

  void wait_until_idle(std::chrono::milliseconds patience) {
    std::unique_lock lock(guard_);
    idle_.wait_for(lock, patience, [&] { return count_ == 0; });
  }

 private:
  std::mutex guard_;
  std::condition_variable idle_;
  int count_ = 0;
};

}  // namespace dlock::detail
