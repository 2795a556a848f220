#pragma once

#include <sys/types.h>
#include <optional>
#include <vector>

#include <dlock/clock.hpp>

namespace dlock::cli {

/// A process as /proc has shown it.
struct process {
  pid_t id = 0;
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  char state = 0;                  ///< R, S, T, ...
  unsigned long long started = 0;  ///< Distinguishes it from a later process with the same id.
  bool forked = false;             ///< It has not executed a program since it was forked.
};

/// Reads /proc/<id>/stat. Returns nothing if there is no such process, or if it has ended and only waits to be reaped.
[[nodiscard]] std::optional<process> look_at(pid_t id);

/// The processes that were found until `limit`. With hundreds of processes that compete for the processors, one walk
/// through /proc can take seconds.
[[nodiscard]] std::vector<process> all_processes(boot_clock::time_point limit);

[[nodiscard]] bool contains(const std::vector<process>& processes, const process& one);

/// Returns whether the signal was sent. If not, errno says why. Uses a pidfd where the kernel has it (5.3). So if the
/// process ends meanwhile, the signal cannot go to the next process with the same id.
bool send_signal(const process& target, int signal);

/// Throws failure unless /proc shows the PID namespace of this process. In an outer namespace, the same processes have
/// other ids. Then descendants would not be found, and strangers would be taken for descendants.
void check_proc();

/// All processes that descend from this one and have not ended, even if they have changed their session or group. With
/// PR_SET_CHILD_SUBREAPER, their orphans become children of this process, so nobody can leave the tree. This is only a
/// snapshot: it can miss a process that forks or loses its parent at that moment. Only waitpid's ECHILD proves that
/// nobody is left.
///
/// The result does not contain `strangers` and their descendants.
[[nodiscard]] std::vector<process> descendants(const std::vector<process>& strangers = {});

/// The descendants of a process that has not forked yet: a shell that is replaced by exec leaves its background jobs to
/// the new program. Costs almost nothing if there are none.
[[nodiscard]] std::vector<process> inherited_descendants();

/// Whether only `strangers` and their descendants are left. This is as good a proof as ECHILD, for a process with
/// PR_SET_CHILD_SUBREAPER that reaps only on this thread: every other process descends from a child that is not a
/// stranger, and a child that has ended stays in the kernel's list of children until it is reaped. (Without
/// CONFIG_PROC_CHILDREN the proof is weaker: it only means that no other process was seen.)
[[nodiscard]] bool are_strangers_all(const std::vector<process>& strangers);

/// Whether this process was stopped and has not been continued.
[[nodiscard]] bool is_stopped(pid_t id);

struct sweep {
  int reached = 0;
  int refused = 0;  ///< They run as another user.
};

/// Sends TERM to every descendant that it finds in one walk through /proc, which ends at `limit`. It also sends CONT,
/// because a stopped process could not react to TERM.
void terminate_descendants(boot_clock::time_point limit);

/// Kills every descendant that it finds in one walk through /proc, except `strangers` and their descendants. If
/// descendants have sessions of their own, it kills their process groups. Unlike a walk through /proc, that also hits
/// processes that are just forking.
sweep kill_descendants(const std::vector<process>& strangers = {});

/// The same, but first it stops all of them that it can find in some 50 ms: a stopped process cannot start a new one in
/// place of one that is killed.
sweep stop_and_kill_descendants(const std::vector<process>& strangers = {});

}  // namespace dlock::cli
