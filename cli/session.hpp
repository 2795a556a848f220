#pragma once

#include <chrono>
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

struct session_setup {
  std::vector<std::string> ids;
  std::string what;                      ///< They are called in messages: "the lock 'job'".
  std::vector<std::string> environment;  ///< Of the command, besides what comes from the locks.
  bool many_terms = false;               ///< The command may have to run several times.
  std::optional<std::chrono::milliseconds> at_least;
  process_title title;
};

/// What all verbs that run a command do: wait for locks, run it, give them back, and say what there is to say. Whoever
/// has one ends the process with leave() and _exit, not by returning: what could not be done in time (a release, a
/// connection) must not be tried again by destructors, and the driver's takes half a second.
class session {
 public:
  /// Forks the guard: there must be only one thread. Throws failure. `options` must outlive this.
  session(const command_options& options, session_setup setup);

  /// How to wait, and what to do when that takes too long.
  struct waiting {
    question ask;
    std::optional<std::chrono::milliseconds> limit;  ///< Of all there is. None: for ever. Zero: one try, now.
    bool insists = false;                            ///< See attempt_setup.
  };
  /// The answer stays here. A signal ends the process, once the queue was left. Throws failure.
  [[nodiscard]] answer& acquire(const waiting& how);

  /// Since acquire() was called.
  [[nodiscard]] std::chrono::nanoseconds waited() const { return boot_clock::now() - begin_; }

  /// Runs the command under what was acquired, unless it is too late for that. Throws failure; nothing is held then.
  [[nodiscard]] ending run();

  /// Gives back what was acquired. The exit status: if it was lost, that is said on stderr and is 123. May end the
  /// process by the signal that ended the command.
  [[nodiscard]] int conclude(const ending& end);

  /// What the library does in the background, closing the client waits for: leaving the queue after a timeout, giving
  /// back what was revoked, waking those who waited for us, events. None of it is worth much time.
  void leave();

 private:
  [[nodiscard]] std::optional<answer> wait(attempt& attempt, const waiting& how);
  [[noreturn]] void give_up(int signal);
  void check_in_time();
  void drain_guard();
  void say_what_was_got() const;
  [[nodiscard]] int conclude_loss(const ending& end);
  [[nodiscard]] std::string why_lost(const ending& end) const;
  [[nodiscard]] holding& held() { return *answer_->held; }
  void give_back();
  bool release(std::chrono::milliseconds timeout);

  // In this order: the guard is forked before there is any thread.
  boot_clock::time_point begin_ = boot_clock::now();
  std::optional<std::chrono::milliseconds> limit_;  // of acquire(), -n's too
  const command_options& options_;
  session_setup setup_;
  terminal terminal_;
  signals signals_{terminal_.exists()};
  guard_link guard_;
  bool guard_dead_ = false;
  std::chrono::milliseconds farewell_{400};
  std::optional<dlock::client> client_;  // outlives the answer's lease: it renews it
  std::optional<answer> answer_;
};

}  // namespace dlock::cli
