#pragma once

#include <csignal>

#include "command_options.hpp"
#include "guard.hpp"
#include "holding.hpp"
#include "signals.hpp"

namespace dlock::cli {

/// How the command ended.
struct ending {
  enum class kind {
    ended,         ///< By itself; number: its status, as waitpid has it.
    not_executed,  ///< number: exec's errno.
    not_started,   ///< number: fork's errno.
    lost,          ///< It was ended because the lock was lost, or near to; number: who could not be killed.
  };
  kind what;
  int number = 0;
  bool guardless = false;    ///< lost: the guard had to be ended, too.
  int told_to_end = 0;       ///< The last INT, TERM or QUIT that was passed on.
  sigset_t from_terminal{};  ///< Signals that the terminal sent meanwhile.
};

/// Has the guard run the command under `held`: passes on signals and renewals, and sees to it that the command ends
/// when the lock is lost. Throws failure if the guard is killed; nothing of the command is left then.
[[nodiscard]] ending supervise(guard_link& guard, signals& signals, holding& held, const command_options& options);

}  // namespace dlock::cli
