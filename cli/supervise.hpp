#pragma once

#include <csignal>

#include "command_options.hpp"
#include "guard.hpp"
#include "holding.hpp"
#include "signals.hpp"

namespace dlock::cli {

/// How the command has ended.
struct ending {
  enum class kind {
    ended,         ///< By itself. number: its status, as waitpid returns it.
    not_executed,  ///< number: the errno of exec.
    not_started,   ///< number: the errno of fork.
    lost,  ///< It was ended because the lock was lost, or nearly lost. number: how many processes could not be killed.
  };
  kind what;
  int number = 0;
  bool guardless = false;    ///< Only with `lost`: the guard had to be ended, too.
  int told_to_end = 0;       ///< The last INT, TERM or QUIT that was passed on.
  sigset_t from_terminal{};  ///< The signals that the terminal sent meanwhile.
};

/// Lets the guard run the command under `held`. Passes on signals and renewals, and makes sure that the command ends
/// when the lock is lost. Throws failure if the guard is killed. In that case no process of the command is left.
[[nodiscard]] ending supervise(guard_link& guard, signals& signals, holding& held, const command_options& options);

}  // namespace dlock::cli
