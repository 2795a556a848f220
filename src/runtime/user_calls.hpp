#pragma once

#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include <dlock/options.hpp>

namespace dlock::detail {

/// Calls a callback of the user. If it throws, calls `say` with " threw", and what.
template <typename Callback, typename Say>
void call_user(const Callback& callback, const Say& say) {
  try {
    callback();
  } catch (const std::exception& e) {
    say(std::string(" threw: ") + e.what());
  } catch (...) {
    say(std::string(" threw"));
  }
}

/// The calls of one callback of the user: none begins after the end, and what a callback throws is logged. Thread-safe,
/// but only one thread at a time may be in call().
class user_calls {
 public:
  /// `whose`: whose callback it is, for the log.
  user_calls(std::string whose, log_callback log) : whose_(std::move(whose)), log_(std::move(log)) {}

  /// Calls it, unless the end has come.
  void call(const std::function<void()>& callback);
  /// Waits for a call in progress, at most `patience`, unless it is on this very thread. True: this is the first end.
  /// In a forked child nothing ends, because the threads belong to the parent.
  bool end(std::chrono::milliseconds patience);
  [[nodiscard]] bool has_ended() const;
  [[nodiscard]] bool forked() const { return getpid() != pid_; }

 private:
  const std::string whose_;
  const log_callback log_;
  const pid_t pid_ = getpid();
  mutable std::mutex guard_;
  std::condition_variable idle_;
  bool ended_ = false;
  std::thread::id caller_;  // set while the callback runs
};

}  // namespace dlock::detail
