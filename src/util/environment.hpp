#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

namespace dlock {

/// Becomes readable at a time of an environment's clock; for a thread that waits for descriptors, too.
class timer {
 public:
  timer() = default;
  timer(const timer&) = delete;
  timer& operator=(const timer&) = delete;
  virtual ~timer() = default;

  [[nodiscard]] virtual int fd() const noexcept = 0;
  /// Readable from `until` on, at once if that has passed; this ends what was set before.
  virtual void set(std::int64_t until) = 0;
  virtual void unset() = 0;
  /// Not readable any more, until it is set again.
  virtual void drain() = 0;
};

/// What a client has from outside, besides its store and its channel: the time, waits for a time, new identities and
/// chance. Made with the client and handed down, so that a test can hand in another one: nothing in src/client and
/// src/locks asks a clock by itself (docs/adr/0020-one-clock.md). Safe for threads.
class environment {
 public:
  environment() = default;
  environment(const environment&) = delete;
  environment& operator=(const environment&) = delete;
  virtual ~environment() = default;

  /// The clock that leases are counted on (boot_clock), in milliseconds, rounded down.
  [[nodiscard]] virtual std::int64_t now_ms() const noexcept = 0;
  /// The time of day, for people only.
  [[nodiscard]] virtual std::chrono::system_clock::time_point time_of_day() const noexcept = 0;

  /// Waits for a notification of `changed`, until `until` at most; may return sooner. wait_until() calls it.
  virtual void sleep(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, std::int64_t until) = 0;
  /// The same, until `stop` at most.
  virtual void sleep(std::condition_variable_any& changed, std::unique_lock<std::mutex>& lock,
                     const std::stop_token& stop, std::int64_t until) = 0;
  /// Throws std::system_error.
  [[nodiscard]] virtual std::unique_ptr<timer> make_timer() = 0;

  /// An identity that nobody else has, a UUID.
  [[nodiscard]] virtual std::string fresh_id() = 0;
  /// From [0, 1): keeps clients apart that would else do the same thing at the same time.
  [[nodiscard]] virtual double jitter() = 0;
};

/// boot_clock, the kernel's random numbers.
class real_environment : public environment {
 public:
  [[nodiscard]] std::int64_t now_ms() const noexcept override;
  [[nodiscard]] std::chrono::system_clock::time_point time_of_day() const noexcept override;
  /// What the standard library and the kernel wait by stands still while the machine is suspended: these sleep for a
  /// second at most, so that a time that passed meanwhile is noticed within that.
  void sleep(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, std::int64_t until) override;
  void sleep(std::condition_variable_any& changed, std::unique_lock<std::mutex>& lock, const std::stop_token& stop,
             std::int64_t until) override;
  [[nodiscard]] std::unique_ptr<timer> make_timer() override;
  [[nodiscard]] std::string fresh_id() override;
  [[nodiscard]] double jitter() override;
};

}  // namespace dlock
