#include "util/environment.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <random>
#include <system_error>
#include <utility>

#include "util/clock.hpp"
#include "util/identity.hpp"

namespace dlock {
namespace {

class boot_timer final : public timer {
 public:
  boot_timer() : fd_(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "dlock: cannot make a timer");
  }
  ~boot_timer() override { close(fd_); }

  [[nodiscard]] int fd() const noexcept override { return fd_; }
  void set(std::int64_t until) override {
    const auto at = std::max<std::int64_t>(until, 1);
    arm({.tv_sec = at / 1000, .tv_nsec = at % 1000 * 1'000'000});
  }
  void unset() override { arm({}); }
  void drain() override {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto n = read(fd_, &count, sizeof count);
  }

 private:
  void arm(timespec at) const {
    const itimerspec spec{.it_interval = {}, .it_value = at};
    timerfd_settime(fd_, TFD_TIMER_ABSTIME, &spec, nullptr);
  }

  int fd_;
};

std::chrono::milliseconds slice(std::int64_t left) {
  constexpr std::int64_t kLongest = 1000;
  return std::chrono::milliseconds{std::clamp<std::int64_t>(left, 0, kLongest)};
}

}  // namespace

std::int64_t real_environment::now_us() const noexcept {
  return std::chrono::floor<std::chrono::microseconds>(boot_clock::now().time_since_epoch()).count();
}

std::chrono::system_clock::time_point real_environment::time_of_day() const noexcept {
  return std::chrono::system_clock::now();
}

void real_environment::sleep(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, std::int64_t until) {
  changed.wait_for(lock, slice(until - now_ms()));
}

void real_environment::sleep(std::condition_variable_any& changed, std::unique_lock<std::mutex>& lock,
                             const std::stop_token& stop, std::int64_t until) {
  bool woken = false;
  (void)changed.wait_for(lock, stop, slice(until - now_ms()), [&] { return std::exchange(woken, true); });
}

std::unique_ptr<timer> real_environment::make_timer() {
  return std::make_unique<boot_timer>();
}

std::string real_environment::fresh_id() {
  return fresh_uuid();
}

double real_environment::jitter() {
  thread_local std::minstd_rand generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

}  // namespace dlock
