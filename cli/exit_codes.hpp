#pragma once

namespace dlock::cli {

/// What dlock exits with when it is not the command's own status. flock(1) and env(1) have the same 126 and 127.
enum exit_code : int {
  exit_ok = 0,
  exit_nothing = 1,         ///< show: no such lock. release: nobody to take it off.
  exit_lost = 123,          ///< The lock was lost while the command ran.
  exit_not_acquired = 124,  ///< Others hold the lock (-E changes the number).
  exit_failed = 125,        ///< dlock itself failed: usage, configuration, no contact with the server.
  exit_cannot_execute = 126,
  exit_not_found = 127,
  exit_signalled = 128,  ///< + the number of the signal that ended the command.
};

}  // namespace dlock::cli
