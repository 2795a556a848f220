#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fd.hpp"
#include "process_tree.hpp"

// The process for whose life `dlock hold` holds a lock: the shell that runs the script. The parent of dlock may be a
// subshell of it: $(...), (...), and the parts of a pipeline are processes that the shell has forked, and that have not
// executed another program. The kernel knows this of each process (PF_FORKNOEXEC in the flags of /proc/<pid>/stat).

namespace dlock::cli {

struct script {
  process who;
  unique_fd life;    ///< A pidfd: readable when the process has ended.
  std::string name;  ///< The name of the script's file, or of its program.
  /// A ksh93: for $(...) it redirects its own output, instead of that of a process.
  bool is_ksh93 = false;
};

/// The shell that started this process, and not a subshell of it. Throws failure if the parent is no shell: a program
/// such as sudo or timeout would end right after dlock, and the lock with it.
[[nodiscard]] script find_script();

/// The process that the user has named. Throws failure if it cannot be watched, or cannot be ended when the lock is
/// lost.
[[nodiscard]] script script_of(pid_t id);

/// Whether this is the file of a shell, such as /usr/bin/dash.
[[nodiscard]] bool is_shell(std::string_view file);

/// The parent of this process, its parent, and so on.
[[nodiscard]] std::vector<process> ancestors();

}  // namespace dlock::cli
