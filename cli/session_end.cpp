#include <sys/wait.h>
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "exit_codes.hpp"
#include "launch.hpp"
#include "session.hpp"
#include "text.hpp"

// The end of a session: what is released, which messages are printed, and the exit status.

namespace dlock::cli {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds release_timeout{5000};
constexpr milliseconds record_timeout{2000};

std::string who_was_ended(const ending& end, const session_words& words) {
  if (end.number == 0) return "; " + words.ended;
  if (end.number == ending::unknown) {
    return "; the guard process of this dlock failed while it ended " + words.runs +
           ", so some of what that started may still run";
  }
  return "; " + words.ended + ", except " + std::to_string(end.number) +
         " that could not be killed (run dlock as the user they run as)";
}

}  // namespace

int session::conclude(const ending& end) {
  switch (end.what) {
    case ending::kind::lost:
      return conclude_loss(end);
    case ending::kind::too_long:
      return conclude_too_long(end);
    case ending::kind::not_started:
      throw failure(std::string("cannot start a process for the command: ") + std::strerror(end.number));
    case ending::kind::not_executed: {
      if (end.number == too_late) {
        complain("lost " + setup_.what + " before the command could be started: dlock was stopped too long");
        give_back();
        return exit_lost;
      }
      const int status = end.number == ENOENT ? exit_not_found : exit_cannot_execute;
      record(dlock::run_end::ended, status);
      (void)release(release_timeout);
      complain("cannot execute " + quoted_input(options_.command.front()) + ": " + std::strerror(end.number));
      return status;
    }
    case ending::kind::ended:
      break;
  }
  const bool signalled = WIFSIGNALED(end.number);
  const int status = signalled ? exit_signalled + WTERMSIG(end.number) : WEXITSTATUS(end.number);
  // First, so that the next holder sees it.
  if (held().held()) record(dlock::run_end::ended, status);
  if (!release(release_timeout)) {
    record(dlock::run_end::lost, exit_lost);
    return exit_lost;
  }
  if (!signalled) return status;
  const int signal = WTERMSIG(end.number);
  // A shell that runs dlock in a script ends the script only if dlock itself was ended by the Ctrl-C.
  const bool interrupted = (signal == SIGINT || signal == SIGQUIT) && sigismember(&end.from_terminal, signal) == 1;
  if (interrupted) {
    leave();
    die_of(signal);
  }
  return status;
}

int session::give_back_unused(int status) {
  setup_.at_least.reset();  // it is for what ran
  return release(release_timeout) ? status : exit_lost;
}

int session::conclude_too_long(const ending& end) {
  terminal_.restore();
  complain(too_long(end));
  record(dlock::run_end::too_long, exit_too_long);
  if (end.number != 0) return exit_too_long;  // what still runs keeps the lock until its lease ends
  if (release(release_timeout)) return exit_too_long;
  record(dlock::run_end::lost, exit_lost);
  return exit_lost;
}

int session::conclude_loss(const ending& end) {
  terminal_.restore();
  complain(why_lost(end));
  if (end.number == 0) {
    // The lock may still be held for some moments, or it may be revoked and wait for this release. The next holder
    // should not have to wait for the end of the lease. But the lock is kept if a process of the command still runs.
    give_back();
    farewell_ = milliseconds(1000);
  }
  record(dlock::run_end::lost, exit_lost);
  return exit_lost;
}

std::string session::why_lost(const ending& end) const {
  std::string line = "lost " + setup_.what + " while " + setup_.words.runs + " ran: ";
  const std::string loss = answer_->held->loss();
  if (!loss.empty()) {
    line += loss;
  } else if (!options_.client.autorefresh) {
    line += "its lease is over and autorefresh is off";
  } else {
    line += "it was not renewed in time (server out of reach, or dlock was stopped)";
  }
  return line + who_was_ended(end, setup_.words);
}

std::string session::too_long(const ending& end) const {
  return "the time of the command is over (--at-most " + in_seconds(*setup_.at_most) + ")" +
         who_was_ended(end, setup_.words);
}

void session::record(dlock::run_end how, int status) {
  if (setup_.history == session_setup::recording::no || !took_ || !client_) return;
  milliseconds limit = how == dlock::run_end::lost ? record_timeout / 2 : record_timeout;
  // The release must not come too late for it.
  if (how != dlock::run_end::lost) limit = std::min(limit, held().valid_for() / 2);
  const auto until = boot_clock::now() + limit;
  try {
    for (const grant& each : held().grants()) {
      const auto left = std::chrono::ceil<milliseconds>(until - boot_clock::now());
      const dlock::past_run run{.owner = each.owner, .token = each.token, .took = *took_, .end = how, .status = status};
      client_->record(each.id, run, std::max(left, milliseconds(1)));
    }
  } catch (const dlock::error& problem) {
    const bool must = setup_.history == session_setup::recording::must && how != dlock::run_end::too_long;
    const bool was_lost = how == dlock::run_end::lost;
    if (must) {
      complain(std::string(problem.what()) + "; so others " +
               (was_lost ? "may believe that it was done" : "will not see that it was done"));
    }
    if (!must && options_.verbose) remark(problem.what());
  }
}

/// Errors are ignored.
void session::give_back() {
  try {
    if (held().held()) {
      (void)held().release(setup_.at_least, std::min(release_timeout, held().valid_for()));
    } else {
      // A lost lock is given back in the background, and at once, because somebody may have revoked it. Of several
      // locks, some may still be held.
      (void)held().release({}, milliseconds(1000));
    }
  } catch (const dlock::error& problem) {
    if (options_.verbose) remark(problem.what());
  }
}

/// Returns false if the lock turned out to be lost.
bool session::release(milliseconds timeout) {
  try {
    if (held().release(setup_.at_least, timeout) != dlock::release_result::lost) return true;
    complain("lost " + setup_.what + " before it was released: somebody else may have had it while " +
             setup_.words.runs + " ran");
    farewell_ = milliseconds(1000);
    return false;
  } catch (const dlock::error& problem) {
    complain(std::string(problem.what()) + "; until then it stays taken, at most until its lease ends");
    return true;
  }
}

}  // namespace dlock::cli
