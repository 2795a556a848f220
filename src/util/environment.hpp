#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

namespace dlock {

/// A descriptor that becomes readable at a given time of an environment's clock. It is for a thread that waits for
/// other descriptors, too.
class timer {
 public:
  timer() = default;
  timer(const timer&) = delete;
  timer& operator=(const timer&) = delete;
  virtual ~timer() = default;

  [[nodiscard]] virtual int fd() const noexcept = 0;
  /// It is readable from `until` on, at once if that time has passed. This replaces the time that was set before.
  virtual void set(std::int64_t until) = 0;
  virtual void unset() = 0;
  /// Makes it not readable until it is set again.
  virtual void drain() = 0;
};

/// What a client needs from outside, besides its store and its channel: the time, waits, new ids and random numbers. It
/// is created with the client and passed down, so that a test can pass another one. Nothing in src/client and src/locks
/// reads a clock by itself (docs/adr/0020-one-clock.md). Thread-safe.
class environment {
 public:
  environment() = default;
  environment(const environment&) = delete;
  environment& operator=(const environment&) = delete;
  virtual ~environment() = default;

  /// The clock by which leases are counted (boot_clock), in microseconds. They are only for durations that are counted.
  [[nodiscard]] virtual std::int64_t now_us() const noexcept = 0;
  /// The same in milliseconds, rounded down.
  [[nodiscard]] std::int64_t now_ms() const noexcept { return now_us() / 1000; }
  /// The time of day. It is only shown to people.
  [[nodiscard]] virtual std::chrono::system_clock::time_point time_of_day() const noexcept = 0;

  /// Waits for a notification of `changed`, at most until `until`; may return sooner. wait_until() calls it.
  virtual void sleep(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, std::int64_t until) = 0;
  /// The same, but also ends when `stop` is requested.
  virtual void sleep(std::condition_variable_any& changed, std::unique_lock<std::mutex>& lock,
                     const std::stop_token& stop, std::int64_t until) = 0;
  /// Throws std::system_error.
  [[nodiscard]] virtual std::unique_ptr<timer> make_timer() = 0;

  /// An id that nobody else has, a UUID.
  [[nodiscard]] virtual std::string fresh_id() = 0;
  /// A random number in [0, 1). It spreads clients that would otherwise act at the same time.
  [[nodiscard]] virtual double jitter() = 0;
};

/// The real one: boot_clock, and the kernel's random numbers.
class real_environment : public environment {
 public:
  [[nodiscard]] std::int64_t now_us() const noexcept override;
  [[nodiscard]] std::chrono::system_clock::time_point time_of_day() const noexcept override;
  /// The clocks of the standard library and of the kernel's waits stand still while the machine is suspended. So these
  /// functions sleep for a second at most. A time that passed during a suspend is then noticed within a second.
  void sleep(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, std::int64_t until) override;
  void sleep(std::condition_variable_any& changed, std::unique_lock<std::mutex>& lock, const std::stop_token& stop,
             std::int64_t until) override;
  [[nodiscard]] std::unique_ptr<timer> make_timer() override;
  [[nodiscard]] std::string fresh_id() override;
  [[nodiscard]] double jitter() override;
};

}  // namespace dlock
