#pragma once

#include <functional>
#include <memory>
#include <string>

#include <dlock/options.hpp>

#include "util/worker_pool.hpp"

namespace dlock {

/// Passes messages to a user's log callback, one after the other, on a thread of its own. So a callback that blocks
/// does not delay a lease, a notice or a thread of the driver. An exception from the callback is swallowed.
class logger {
 public:
  using text_filter = std::function<std::string(std::string)>;
  /// Null if there is no callback. Each message goes through `first`, if given, and then through printable().
  [[nodiscard]] static std::shared_ptr<logger> make(const log_callback& log, text_filter first = {});
  logger(const logger&) = delete;
  logger& operator=(const logger&) = delete;
  /// Calls close(), if that was not done.
  ~logger();

  void write(log_level level, std::string message);
  /// Delivers the messages that wait, for at most 0.3 s. After that, the callback is not called any more, even if
  /// others still write. If a call of the callback is running, this waits for it, for at most 0.7 s. May be called from
  /// the callback, and more than once.
  void close();

 private:
  explicit logger(log_callback log);
  struct shared;
  std::shared_ptr<shared> shared_;
  worker_pool thread_{1, "dlock-log"};
};

/// A callback that writes to `to` as long as `to` lives. It is never empty, never throws, and never blocks.
[[nodiscard]] log_callback writer(const std::shared_ptr<logger>& to);

}  // namespace dlock
