#include "launch.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>

#include "environment.hpp"

namespace dlock::cli {

namespace {

/// Whether the file `name` exists where exec looks for it. exec also returns ENOENT for a script whose #! line names a
/// missing interpreter. Such a script was found, but is not executable.
bool exists(const std::string& name) {
  if (name.find('/') != std::string::npos) return access(name.c_str(), F_OK) == 0;
  const char* const variable = std::getenv("PATH");
  const std::string path = variable != nullptr ? variable : "/bin:/usr/bin";
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    const std::string file = path.substr(begin, end - begin) + (end == begin ? "./" : "/") + name;
    if (access(file.c_str(), X_OK) == 0) return true;
    begin = end + 1;
  }
  return false;
}

void put(const std::vector<std::string>& environment) {
  for (const std::string& each : environment) {
    const std::size_t end = each.find('=');
    setenv(each.substr(0, end).c_str(), each.c_str() + end + 1, 1);
  }
}

[[noreturn]] void become_command(const guard_setup& setup, pid_t guard, pid_t group, int exec_error,
                                 boot_clock::time_point latest, const std::vector<std::string>& environment) {
  int error = setpgid(0, group) == 0 ? 0 : errno;
  if (error == 0) {
    // If somebody kills the guard, at least the command itself dies at once.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != guard) _exit(127);

    forget_locks();
    put(setup.environment);
    put(environment);
    std::vector<char*> arguments;
    for (const std::string& each : setup.command) arguments.push_back(const_cast<char*>(each.c_str()));
    arguments.push_back(nullptr);

    sigaction(SIGCHLD, &setup.inherited.on_child, nullptr);
    sigprocmask(SIG_SETMASK, &setup.inherited.mask, nullptr);
    // This process may have been frozen since the lock was granted.
    if (boot_clock::now() < latest) {
      execvp(arguments[0], arguments.data());
    } else {
      errno = too_late;
    }
    error = errno == ENOENT && exists(setup.command[0]) ? ENOEXEC : errno;
  }
  (void)!write(exec_error, &error, sizeof error);
  _exit(127);
}

}  // namespace

launched launch(const guard_setup& setup, pid_t group, boot_clock::time_point latest,
                const std::vector<std::string>& environment) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {.pid = -1};
  launched result{.exec_error = unique_fd(ends[0])};
  const unique_fd write_end(ends[1]);
  const pid_t guard = getpid();
  result.pid = fork();
  if (result.pid == 0) become_command(setup, guard, group, write_end.get(), latest, environment);
  if (result.pid > 0) setpgid(result.pid, group != 0 ? group : result.pid);  // the child does it, too: no race
  return result;
}

}  // namespace dlock::cli
