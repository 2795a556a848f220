#pragma once

#include <chrono>
#include <csignal>
#include <optional>

#include "command_options.hpp"
#include "guard.hpp"
#include "holding.hpp"
#include "signals.hpp"

namespace dlock::cli {

/// How the command has ended.
struct ending {
  static constexpr int unknown = -1;
  enum class kind {
    ended,         ///< By itself. number: its status, as waitpid returns it.
    not_executed,  ///< number: the errno of exec.
    not_started,   ///< number: the errno of fork.
    lost,  ///< It was ended because the lock was lost, or nearly lost. number: how many processes could not be killed,
           ///< or `unknown`: nobody knows whether some are left.
    too_long,  ///< The same, because it ran for longer than it may.
  };
  kind what;
  int number = 0;
  bool guardless = false;    ///< Only with `lost` and `too_long`: the guard had to be ended, too.
  int told_to_end = 0;       ///< The last INT, TERM or QUIT that was passed on.
  sigset_t from_terminal{};  ///< The signals that the terminal sent meanwhile.
};

/// Lets the guard run the command under `held`. Passes on signals and renewals, and makes sure that the command ends
/// when the lock is lost. Throws failure if the guard is killed. In that case no process of the command is left.
/// `at_most`: as for the guard.
[[nodiscard]] ending supervise(guard_link& guard, signals& signals, holding& held, const command_options& options,
                               std::optional<std::chrono::milliseconds> at_most);

}  // namespace dlock::cli
