#pragma once

#include <sys/types.h>
#include <vector>

#include <dlock/clock.hpp>

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

/// Throws failure unless /proc shows this process's PID namespace. That of an outer one has other numbers for the same
/// processes: descendants would not be found, and strangers would be taken for them.
void check_proc();

/// All that descend from this process and have not ended, whatever session or group they moved to. With
/// PR_SET_CHILD_SUBREAPER the orphans among them are this process's children, so nobody can leave. A snapshot: who
/// forks or loses a parent meanwhile can be missed. Only waitpid's ECHILD says that nobody is left.
///
/// Without `strangers`, and without what descends from them.
[[nodiscard]] std::vector<process> descendants(const std::vector<process>& strangers = {});

/// The descendants of a process that has not forked yet: a shell that is replaced by exec leaves its background jobs
/// to the program. Costs next to nothing if there are none.
[[nodiscard]] std::vector<process> inherited_descendants();

/// Whether none but `strangers` and theirs are left. A proof as good as ECHILD, for a process with
/// PR_SET_CHILD_SUBREAPER that reaps on this thread only: everybody else descends from a child that is no stranger, and
/// who ended stays in the kernel's list of children until reaped. (A weaker one without CONFIG_PROC_CHILDREN: nobody
/// was seen.)
[[nodiscard]] bool are_strangers_all(const std::vector<process>& strangers);

/// Whether this process was stopped and not continued.
[[nodiscard]] bool is_stopped(pid_t id);

struct sweep {
  int reached = 0;
  int refused = 0;  ///< They run as another user.
};

/// Sends TERM to every descendant found in one look, which ends at `limit`, and CONT: a stopped one could not act on
/// it.
void terminate_descendants(boot_clock::time_point limit);

/// Kills every descendant but `strangers` and theirs found in one look. Where they have sessions of their own, by
/// process group: unlike a walk through /proc, that misses nobody who just forks.
sweep kill_descendants(const std::vector<process>& strangers = {});

/// The same, once all were stopped that could be found in some 50 ms: whoever is stopped starts nobody in the place of
/// one that is killed.
sweep stop_and_kill_descendants(const std::vector<process>& strangers = {});

}  // namespace dlock::cli
