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

/// The result of an acquisition.
struct answer {
  dlock::outcome result;
  std::unique_ptr<holding> held;             ///< Set if the locks were acquired.
  std::string in_the_way;                    ///< Otherwise: the lock that others hold,
  std::optional<dlock::holder_info> holder;  ///< and one of its holders.
  bool done = false;                         ///< If held: what was to run under the locks has run elsewhere.
};

/// Acquires the locks. Called on a thread of its own.
using question = std::function<answer(dlock::client& client, dlock::wait_options options)>;

struct attempt_setup {
  std::function<dlock::client_options()> client;  ///< Called on that thread, too, because reading a file may take time.
  std::vector<std::string> ids;                   ///< For remarks.
  question ask;
  bool nonblock = false;
  std::optional<boot_clock::time_point> deadline;  ///< Of the answer.
  bool verbose = false;
  bool insists = false;  ///< After an error that may be temporary: prints it and tries again.
};

/// Connects, unless there is a client, and acquires. It does this on a thread of its own, so that signals and deadlines
/// are handled at the same time.
class attempt {
 public:
  /// `client` must outlive this object. It must also outlive the lease, because it renews the lease.
  attempt(std::optional<dlock::client>& client, attempt_setup setup);

  /// Readable when the attempt is over.
  [[nodiscard]] int fd() const noexcept { return done_.get(); }

  /// Gives up. If no request was sent yet, it returns true: this is immediate, but the thread may still wait for the
  /// server, so end the process by _exit. Otherwise it returns false: the acquisition leaves the queue, which takes a
  /// moment.
  [[nodiscard]] bool cancel();

  /// True while no lock was asked for yet.
  [[nodiscard]] bool is_connecting() const noexcept { return connecting_; }

  /// Call it when the attempt is over. Returns nothing if the attempt was cancelled before it asked for a lock. Throws
  /// failure if there is no answer.
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
