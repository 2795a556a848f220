#pragma once

#include <functional>
#include <memory>
#include <string>

#include <dlock/options.hpp>

#include "util/worker_pool.hpp"

namespace dlock {

/// Brings messages to a user's log callback: one after the other, on a thread of its own, so that a callback that
/// blocks keeps no lease, no notice and no thread of the driver waiting. An exception from it is swallowed.
class logger {
 public:
  using text_filter = std::function<std::string(std::string)>;
  /// Null without a callback. The callback gets each message as `first`, if given, leaves it, and printable().
  [[nodiscard]] static std::shared_ptr<logger> make(const log_callback& log, text_filter first = {});
  logger(const logger&) = delete;
  logger& operator=(const logger&) = delete;
  /// close(), if that was not called.
  ~logger();

  void write(log_level level, std::string message);
  /// Brings what is waiting, for at most 0.3 s. Afterwards the callback is not called any more, whoever still writes;
  /// one that is under way is waited for, for at most 0.7 s. May be called from the callback, and again.
  void close();

 private:
  explicit logger(log_callback log);
  struct shared;
  std::shared_ptr<shared> shared_;
  worker_pool thread_{1, "dlock-log"};
};

/// A callback that writes to `to` as long as it is there; never empty, never throws, never blocks.
[[nodiscard]] log_callback writer(const std::shared_ptr<logger>& to);

}  // namespace dlock
