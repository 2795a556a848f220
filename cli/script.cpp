#include "script.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <optional>

#include "text.hpp"

namespace dlock::cli {

namespace {

constexpr const char* name_it = "; name the process that should hold the lock: in a shell script, --pid $$";

/// The file that a process executes, or nothing if we may not know.
std::string file_of(const process& who) {
  const std::string link = "/proc/" + std::to_string(who.id) + "/exe";
  std::array<char, PATH_MAX> text{};
  const ssize_t size = readlink(link.c_str(), text.data(), text.size());
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : "";
}

std::string base_of(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

/// The first words of its command line.
std::vector<std::string> words_of(const process& who) {
  const std::string path = "/proc/" + std::to_string(who.id) + "/cmdline";
  const unique_fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> buffer{};
  const ssize_t size = file ? read(file.get(), buffer.data(), buffer.size()) : 0;
  std::vector<std::string> found;
  std::string_view text(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  for (; !text.empty(); text.remove_prefix(std::min(found.back().size() + 1, text.size()))) {
    found.emplace_back(text.substr(0, text.find('\0')));
  }
  return found;
}

/// "backup.sh" for `sh ./backup.sh` and for `./backup.sh`.
std::string script_name_of(const process& who) {
  const std::vector<std::string> line = words_of(who);
  const bool runs_a_file = is_shell(file_of(who)) && line.size() > 1 && !line[1].starts_with('-');
  return line.empty() ? "script" : base_of(line[runs_a_file ? 1 : 0]);
}

/// A kernel (or something in its place) that tells of no process whether it was only forked would make us take a
/// subshell for the script. A process that was just forked shows whether this one does.
bool kernel_tells_forks() {
  const auto own = look_at(getpid());
  const pid_t child = fork();
  if (child == 0) {
    const auto seen = look_at(getpid());
    _exit(seen && seen->forked ? 0 : 1);
  }
  int status = 1;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0 && own && !own->forked;
}

script watched(const process& who) {
  const std::string number = std::to_string(who.id);
  if (who.id == 1) {
    throw failure(
        "process 1 cannot hold a lock: nothing inside a container can end it if the lock is lost. Start the container "
        "with an init (docker run --init), or use 'dlock run'");
  }
  unique_fd life(static_cast<int>(syscall(SYS_pidfd_open, who.id, 0)));
  if (!life && errno == ENOSYS) throw failure("dlock hold needs Linux 5.3, which tells when a process ends");
  const auto now = look_at(who.id);
  if (!life || !now || now->started != who.started)
    throw failure("process " + number + " has ended; name one that runs");
  if (syscall(SYS_pidfd_send_signal, life.get(), 0, nullptr, 0) != 0) {
    throw failure("cannot end process " + number + " if the lock is lost: " + std::strerror(errno) +
                  "; run dlock as the user of that process");
  }
  const bool is_ksh93 = base_of(file_of(who)).starts_with("ksh");  // others of this family are mksh and lksh
  return {.who = who, .life = std::move(life), .name = script_name_of(who), .is_ksh93 = is_ksh93};
}

}  // namespace

bool is_shell(std::string_view file) {
  constexpr std::array<std::string_view, 15> shells{"sh",   "ash",  "bash", "busybox", "dash", "fish",   "ksh", "lksh",
                                                    "mksh", "oksh", "posh", "rbash",   "yash", "toybox", "zsh"};
  // What follows the letters is a version or a variant: zsh5, ksh93, bash-static.
  const std::string base = base_of(file);
  const auto end = std::find_if(base.begin(), base.end(), [](char c) { return c < 'a' || c > 'z'; });
  return std::find(shells.begin(), shells.end(), std::string(base.begin(), end)) != shells.end();
}

script find_script() {
  auto found = look_at(getppid());
  if (!found) throw failure(std::string("the process that started dlock has ended") + name_it);
  const std::string file = file_of(*found);
  if (!is_shell(file)) {
    const std::string what = file.empty() ? "process " + std::to_string(found->id) : in_quotes(base_of(file));
    throw failure("was started by " + what + ", which is no shell" + name_it);
  }
  if (!kernel_tells_forks()) throw failure(std::string("this kernel does not tell a subshell from a script") + name_it);
  while (found->forked) {
    const auto parent = look_at(found->parent);
    if (!parent || file_of(*parent) != file) break;  // the script has ended before its subshell
    found = parent;
  }
  return watched(*found);
}

script script_of(pid_t id) {
  const auto found = look_at(id);
  if (!found) throw failure("there is no process " + std::to_string(id) + "; name one that runs");
  return watched(*found);
}

std::vector<process> ancestors() {
  std::vector<process> found;
  for (auto next = look_at(getppid()); next; next = look_at(next->parent)) found.push_back(*next);
  return found;
}

}  // namespace dlock::cli
