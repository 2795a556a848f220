#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <dlock/dlock.hpp>

#include "attempt.hpp"
#include "command_options.hpp"
#include "guard.hpp"
#include "signals.hpp"
#include "supervise.hpp"
#include "terminal.hpp"

namespace dlock::cli {

/// What messages call the thing that runs under the locks.
struct session_words {
  std::string runs = "the command";
  std::string ended = "the command and all it started were ended";
  std::string not_begun = "the command was not started";
};

struct session_setup {
  std::vector<std::string> ids;
  std::string what;                      ///< The name of the locks in messages: "the lock 'job'".
  std::vector<std::string> environment;  ///< For the command, in addition to the variables of the locks.
  bool many_terms = false;               ///< The command may run several times.
  std::optional<std::chrono::milliseconds> at_least;
  std::optional<std::chrono::milliseconds> at_most;
  /// Whether the run is recorded in the history of the locks, and whether it must be: then a failure is told.
  enum class recording { no, yes, must } history = recording::no;
  process_title title;
  pid_t shown = 0;  ///< The process that others see as the holder. 0: this one.
  session_words words = {};
  std::function<void(unique_fd link)> guard = {};  ///< The guard's main function. Empty: that of a command's guard.
  int unwanted = -1;  ///< A descriptor. Readable during acquire(): nobody waits for the answer any more.
};

/// The common part of all verbs that run a command: wait for locks, run the command, release the locks, and print
/// messages. The owner of a session must end the process with leave() and _exit, not by returning. Otherwise the
/// destructors would try again what could not be done in time (a release, a connection), and the destructor of the
/// driver takes half a second.
class session {
 public:
  /// Forks the guard, so there must be only one thread. Throws failure. `options` must outlive this object.
  session(const command_options& options, session_setup setup);

  /// How to wait, and what to do when the wait takes too long.
  struct waiting {
    question ask;
    /// For the whole acquisition. None: forever. Zero: one try, no wait.
    std::optional<std::chrono::milliseconds> limit;
    bool insists = false;  ///< See attempt_setup.
  };
  /// The session owns the answer. A signal ends the process, after it has left the queue. Throws failure.
  [[nodiscard]] answer& acquire(const waiting& how);

  /// The time since acquire() was called.
  [[nodiscard]] std::chrono::nanoseconds waited() const { return boot_clock::now() - begin_; }

  /// Runs the command under the acquired locks, unless it is too late for that. Throws failure. In that case nothing is
  /// held any more.
  [[nodiscard]] ending run();
  /// The same for anything else that happens under the locks: `work`.
  [[nodiscard]] ending run(const std::function<ending(guard_link& guard, holding& held)>& work);

  /// Releases what was acquired. Returns the exit status. If a lock was lost, it says so on stderr and returns 123. May
  /// end the process by the signal that ended the command.
  [[nodiscard]] int conclude(const ending& end);

  /// The same if the command shall not run. Returns `status`, unless a lock was lost.
  [[nodiscard]] int give_back_unused(int status);

  /// Closes the client, but waits only for a short time. The client does its background work first: it leaves the queue
  /// after a timeout, gives back revoked locks, wakes waiters, and sends events. None of this is worth a long wait.
  void leave();

 private:
  [[nodiscard]] std::optional<answer> wait(attempt& attempt, const waiting& how);
  [[noreturn]] void give_up(int signal);
  void check_in_time();
  void drain_guard();
  void say_what_was_got() const;
  [[nodiscard]] int conclude_loss(const ending& end);
  [[nodiscard]] int conclude_too_long(const ending& end);
  [[nodiscard]] std::string why_lost(const ending& end) const;
  [[nodiscard]] std::string too_long(const ending& end) const;
  /// Records the run, as far as the server answers soon.
  void record(dlock::run_end how, int status);
  [[nodiscard]] holding& held() { return *answer_->held; }
  void give_back();
  bool release(std::chrono::milliseconds timeout);

  // The order of these members matters: the guard must be forked before there is any thread.
  boot_clock::time_point begin_ = boot_clock::now();
  std::optional<std::chrono::milliseconds> limit_;  // the limit of acquire(), also for -n
  boot_clock::time_point started_{};                // when the command was started
  std::optional<std::chrono::milliseconds> took_;   // how long it ran
  const command_options& options_;
  session_setup setup_;
  terminal terminal_;
  signals signals_{terminal_.exists()};
  guard_link guard_;
  bool guard_dead_ = false;
  bool unwanted_ = false;
  std::chrono::milliseconds farewell_{400};
  std::optional<dlock::client> client_;  // outlives the lease in the answer, because it renews that lease
  std::optional<answer> answer_;
};

}  // namespace dlock::cli
