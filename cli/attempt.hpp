#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include <dlock/dlock.hpp>

#include "fd.hpp"
#include "run_options.hpp"

namespace dlock::cli {

/// The answer to `dlock run`'s question for the lock.
struct attempt_result {
  std::optional<dlock::client> client;  ///< Outlives the lease: it renews it.
  std::optional<dlock::acquisition> answer;
  std::string error;  ///< Why there is no answer.
};

/// Connects and acquires on a thread of its own, so that signals and deadlines are heeded meanwhile.
class attempt {
 public:
  /// To be acquired by `deadline`, if there is one.
  attempt(const run_options& options, std::optional<boot_clock::time_point> deadline);

  /// Readable once it is over.
  [[nodiscard]] int fd() const noexcept { return done_.get(); }

  /// Gives up: at once if nothing was asked for yet, else by leaving the queue, which takes a moment. True: at once;
  /// the thread may still wait for the server, so end the process by _exit.
  [[nodiscard]] bool cancel();

  /// The same for a deadline, where acquiring has its own.
  [[nodiscard]] bool is_connecting() const noexcept { return connecting_; }

  /// When it is over.
  [[nodiscard]] attempt_result take();

 private:
  void run(std::optional<boot_clock::time_point> deadline);
  [[nodiscard]] dlock::acquisition acquire(dlock::mutex& lock, std::optional<boot_clock::time_point> deadline);

  const run_options& options_;
  unique_fd done_;
  std::atomic<bool> connecting_ = true;
  std::stop_source stop_;
  attempt_result result_;
  std::thread thread_;
};

/// "web1:4711 rsync (token 1700000000000000), whose lease ends in 3.2 s unless renewed"
[[nodiscard]] std::string describe(const dlock::holder_info& holder);

}  // namespace dlock::cli
