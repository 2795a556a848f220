#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <dlock/dlock.hpp>

#include "fd.hpp"
#include "holding.hpp"

namespace dlock::cli {

/// What asking for locks came to.
struct answer {
  dlock::outcome result;
  std::unique_ptr<holding> held;             ///< If acquired.
  std::string in_the_way;                    ///< Else the lock that others hold,
  std::optional<dlock::holder_info> holder;  ///< and one of those.
};

/// How to ask for locks. Called on a thread of its own.
using question = std::function<answer(dlock::client& client, dlock::wait_options options)>;

struct attempt_setup {
  std::function<dlock::client_options()> client;  ///< Asked on that thread, too: a file may take its time.
  std::vector<std::string> ids;                   ///< For remarks.
  question ask;
  bool nonblock = false;
  std::optional<boot_clock::time_point> deadline;  ///< Of the answer.
  bool verbose = false;
  bool insists = false;  ///< An error that may pass is said, and then it asks again.
};

/// Connects, unless there is a client, and acquires on a thread of its own, so that signals and deadlines are heeded
/// meanwhile.
class attempt {
 public:
  /// `client` outlives this, and the lease, which it renews.
  attempt(std::optional<dlock::client>& client, attempt_setup setup);

  /// Readable once it is over.
  [[nodiscard]] int fd() const noexcept { return done_.get(); }

  /// Gives up: at once if nothing was asked for yet, else by leaving the queue, which takes a moment. True: at once;
  /// the thread may still wait for the server, so end the process by _exit.
  [[nodiscard]] bool cancel();

  /// Nothing was asked for yet.
  [[nodiscard]] bool is_connecting() const noexcept { return connecting_; }

  /// When it is over. None if it was cancelled before it asked. Throws failure if there is no answer.
  [[nodiscard]] std::optional<answer> take();

 private:
  void run();
  [[nodiscard]] answer ask();
  [[nodiscard]] dlock::wait_options wait_options() const;

  std::optional<dlock::client>& client_;
  attempt_setup setup_;
  unique_fd done_;
  std::atomic<bool> connecting_ = true;
  std::stop_source stop_;
  std::optional<answer> answer_;
  std::string error_;
  std::thread thread_;
};

/// "web1:4711 rsync (token 1700000000000000), whose lease ends in 3.2 s unless renewed"
[[nodiscard]] std::string describe(const dlock::holder_info& holder);

/// "'a'" or "'a', 'b' and 'c'"
[[nodiscard]] std::string names(const std::vector<std::string>& ids);

}  // namespace dlock::cli
