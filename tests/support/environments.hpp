#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "util/clock.hpp"
#include "util/environment.hpp"

namespace dlock::testing {

/// The machine's clock, in milliseconds.
[[nodiscard]] inline std::int64_t now_ms() noexcept {
  return to_ms(boot_clock::now());
}

/// Time stands still until advance(), which wakes who waits for it. Identities are numbered, nothing is left to chance.
class manual_environment final : public environment {
 public:
  [[nodiscard]] std::int64_t now_us() const noexcept override { return now_ * 1000; }
  [[nodiscard]] std::chrono::system_clock::time_point time_of_day() const noexcept override {
    return system_time(now_);
  }

  /// Returns when all who waited for a time that has come have woken; what they do then may be still to come. Must not
  /// be called with a mutex that one of them waits with.
  void advance(std::int64_t by) {
    std::unique_lock lock(guard_);
    now_ += by;
    for (auto* t : timers_) t->look();
    const auto is_due = [&](const sleeper& s) { return s.until <= now_; };
    // It cannot be seen whether a sleeper's wait has begun, and a notification before that is lost: so there are more.
    while (std::any_of(sleepers_.begin(), sleepers_.end(), is_due)) {
      for (const auto& s : sleepers_) {
        if (!is_due(s)) continue;
        if (s.plain != nullptr) s.plain->notify_all();
        if (s.any != nullptr) s.any->notify_all();
      }
      lock.unlock();
      std::this_thread::yield();
      lock.lock();
    }
  }
  /// The next time that anybody waits for.
  [[nodiscard]] std::optional<std::int64_t> next() const {
    const std::lock_guard lock(guard_);
    std::optional<std::int64_t> first;
    const auto add = [&](std::int64_t at) { first = std::min(first.value_or(at), at); };
    for (const auto& s : sleepers_) add(s.until);
    for (const auto* t : timers_) {
      if (t->until) add(*t->until);
    }
    return first;
  }

  void sleep(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, std::int64_t until) override {
    const asleep here(*this, {until, &changed, nullptr});
    if (here) changed.wait(lock);
  }
  void sleep(std::condition_variable_any& changed, std::unique_lock<std::mutex>& lock, const std::stop_token& stop,
             std::int64_t until) override {
    const asleep here(*this, {until, nullptr, &changed});
    bool woken = false;
    if (here) (void)changed.wait(lock, stop, [&] { return std::exchange(woken, true); });
  }
  [[nodiscard]] std::unique_ptr<timer> make_timer() override { return std::make_unique<manual_timer>(*this); }

  [[nodiscard]] std::string fresh_id() override { return "id-" + std::to_string(++ids_); }
  [[nodiscard]] double jitter() override { return 0.5; }

 private:
  struct sleeper {
    std::int64_t until;
    std::condition_variable* plain;
    std::condition_variable_any* any;
  };
  /// One that sleeps, unless its time has come.
  class asleep {
   public:
    asleep(manual_environment& in, sleeper s) : in_(in) {
      const std::lock_guard lock(in_.guard_);
      if (s.until > in_.now_) where_ = in_.sleepers_.insert(in_.sleepers_.end(), s);
    }
    asleep(const asleep&) = delete;
    asleep& operator=(const asleep&) = delete;
    ~asleep() {
      if (!where_) return;
      const std::lock_guard lock(in_.guard_);
      in_.sleepers_.erase(*where_);
    }
    explicit operator bool() const { return where_.has_value(); }

   private:
    manual_environment& in_;
    std::optional<std::list<sleeper>::iterator> where_;
  };

  class manual_timer final : public timer {
   public:
    explicit manual_timer(manual_environment& of) : of_(of) {
      const std::lock_guard lock(of_.guard_);
      of_.timers_.push_back(this);
    }
    ~manual_timer() override {
      const std::lock_guard lock(of_.guard_);
      of_.timers_.remove(this);
      close(fd_);
    }
    [[nodiscard]] int fd() const noexcept override { return fd_; }
    void set(std::int64_t at) override { change(at); }
    void unset() override { change({}); }
    void drain() override {
      eventfd_t count = 0;
      (void)eventfd_read(fd_, &count);
    }
    /// With the guard.
    void look() {
      if (!until || *until > of_.now_) return;
      until.reset();
      (void)eventfd_write(fd_, 1);
    }

    std::optional<std::int64_t> until;

   private:
    void change(std::optional<std::int64_t> at) {
      const std::lock_guard lock(of_.guard_);
      drain();
      until = at;
      look();
    }

    manual_environment& of_;
    const int fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  };

  std::atomic<std::int64_t> now_ = 1'000'000'000;
  std::atomic<int> ids_ = 0;
  mutable std::mutex guard_;
  std::list<sleeper> sleepers_;
  std::list<manual_timer*> timers_;
};

}  // namespace dlock::testing
