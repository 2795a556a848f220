#pragma once

namespace dlock::cli {

/// The exit status of dlock when it is not that of the command. flock(1) and env(1) use 126 and 127 in the same way.
enum exit_code : int {
  exit_ok = 0,
  exit_nothing = 1,     ///< show: no such lock. release: no holder to revoke. resize: none in use. doctor: findings.
  exit_too_long = 122,  ///< The command was ended because it ran for longer than --at-most.
  exit_lost = 123,      ///< The lock was lost while the command ran.
  exit_not_acquired = 124,  ///< Others hold the lock (-E changes this number).
  exit_failed = 125,        ///< dlock itself failed: usage, configuration, no contact with the server.
  exit_cannot_execute = 126,
  exit_not_found = 127,
  exit_signalled = 128,  ///< Plus the number of the signal that ended the command.
};

}  // namespace dlock::cli
