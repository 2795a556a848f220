#pragma once

#include <sys/types.h>
#include <vector>

namespace dlock::cli {

/// A process as /proc showed it.
struct process {
  pid_t id = 0;
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  char state = 0;                  ///< R, S, T, ...
  unsigned long long started = 0;  ///< Tells it from a later one with the same id.
};

/// All that descend from this process and have not ended, whatever session or group they moved to. With
/// PR_SET_CHILD_SUBREAPER the orphans among them are this process's children, so nobody can leave. A snapshot: who
/// forks or loses a parent meanwhile can be missed. Only waitpid's ECHILD says that nobody is left.
[[nodiscard]] std::vector<process> descendants();

/// Whether this process was stopped and not continued.
[[nodiscard]] bool is_stopped(pid_t id);

struct sweep {
  int reached = 0;
  int refused = 0;  ///< They run as another user.
};

/// Sends `signal` to every descendant found in one look.
sweep signal_descendants(int signal);

/// Kills every descendant found in one look. Where they have sessions of their own, by process group: unlike a walk
/// through /proc, that misses nobody who just forks.
sweep kill_descendants();

}  // namespace dlock::cli
