#include "process_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <dlock/clock.hpp>

#include "fd.hpp"
#include "text.hpp"

namespace dlock::cli {

std::optional<process> look_at(pid_t id) {
  const std::string path = "/proc/" + std::to_string(id) + "/stat";
  const unique_fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::array<char, 1024> buffer{};
  const ssize_t size = read(file.get(), buffer.data(), buffer.size() - 1);
  if (size <= 0) return std::nullopt;

  // "id (name) state parent group session tty foreground flags ...". Field 20 is the number of threads, field 22 the
  // start time. The name may contain any character. 0x40 is PF_FORKNOEXEC.
  const char* const after_name = std::strrchr(buffer.data(), ')');
  if (after_name == nullptr) return std::nullopt;
  process found{.id = id};
  int threads = 0;
  unsigned flags = 0;
  const int fields =
      std::sscanf(after_name + 1, " %c %d %d %d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d %*d %llu",
                  &found.state, &found.parent, &found.group, &found.session, &flags, &threads, &found.started);
  found.forked = (flags & 0x40U) != 0;
  // The state is that of the main thread. If the main thread has ended, it stays until all other threads have ended.
  const bool over = found.state == 'X' || (found.state == 'Z' && threads <= 1);
  if (fields != 7 || over) return std::nullopt;
  return found;
}

bool contains(const std::vector<process>& processes, const process& one) {
  return std::any_of(processes.begin(), processes.end(),
                     [&](const process& each) { return each.id == one.id && each.started == one.started; });
}

std::vector<process> all_processes(boot_clock::time_point limit) {
  std::vector<process> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/proc"), &closedir);
  if (!directory) return found;
  while (const dirent* entry = readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    pid_t id = 0;
    const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (error != std::errc() || stop != name.data() + name.size()) continue;
    if (const auto seen = look_at(id)) found.push_back(*seen);
    if (boot_clock::now() >= limit) break;
  }
  return found;
}

bool send_signal(const process& target, int signal) {
#ifdef SYS_pidfd_open
  const unique_fd handle(static_cast<int>(syscall(SYS_pidfd_open, target.id, 0)));
  if (handle) {
    const auto now = look_at(target.id);
    if (!now || now->started != target.started) {
      errno = ESRCH;
      return false;
    }
    return syscall(SYS_pidfd_send_signal, handle.get(), signal, nullptr, 0) == 0;
  }
  if (errno == ESRCH) return false;
#endif
  return kill(target.id, signal) == 0;
}

namespace {

std::vector<process> descendants_by(boot_clock::time_point limit, const std::vector<process>& strangers) {
  const std::vector<process> all = all_processes(limit);
  std::vector<process> found;
  std::vector<pid_t> parents{getpid()};
  while (!parents.empty()) {
    const pid_t parent = parents.back();
    parents.pop_back();
    for (const process& each : all) {
      if (each.parent != parent || contains(strangers, each)) continue;
      found.push_back(each);
      parents.push_back(each.id);
    }
  }
  return found;
}

/// The children of this process's main thread, including those that have ended, the oldest first. Only where the kernel
/// lists them (CONFIG_PROC_CHILDREN). No other process gets their ids until they are reaped.
std::vector<pid_t> children() {
  const std::string path = "/proc/self/task/" + std::to_string(getpid()) + "/children";
  const unique_fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t size = 0; file && (size = read(file.get(), buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  std::vector<pid_t> found;
  const char* next = text.data();
  const char* const end = next + text.size();
  for (pid_t id = 0; next < end;) {
    const auto [stop, error] = std::from_chars(next, end, id);
    // The last id may be cut off. It would then be the id of another process.
    if (error != std::errc() || stop == end) break;
    found.push_back(id);
    next = stop + 1;
  }
  return found;
}

/// A child that has ended is not a stranger any more, because another process may soon have its id.
bool is_stranger(pid_t child, const std::vector<process>& strangers) {
  const auto same_id = [&](const process& each) { return each.id == child; };
  if (std::none_of(strangers.begin(), strangers.end(), same_id)) return false;
  const auto seen = look_at(child);
  return seen && contains(strangers, *seen);
}

/// As send_signal(), and also sends to the whole process group, if the group is in another session than this process.
/// Nobody can join a session. So a session that a descendant has created contains only descendants.
bool send_to_group(const process& target, int signal) {
  const bool sent = send_signal(target, signal);
  const int problem = sent ? 0 : errno;
  if ((sent || problem == EPERM) && target.session != getsid(0) && target.group > 1) kill(-target.group, signal);
  errno = problem;
  return sent;
}

/// Chains of short-lived processes, each the parent of the next one, are faster than a walk through /proc. But each of
/// them soon becomes a child of this process. Starts with the newest, because the others may be thousands that have
/// ended.
void signal_children(const std::vector<process>& strangers, int signal) {
  pid_t newest = 0;
  for (int round = 0; round < 20; ++round) {
    const std::vector<pid_t> found = children();
    for (auto child = found.rbegin(); child != found.rend() && *child != newest; ++child) {
      if (!is_stranger(*child, strangers)) kill(*child, signal);
    }
    if (found.empty() || found.back() == newest) return;
    newest = found.back();
  }
}

/// The ids of this process, from the PID namespace that /proc shows down to its own, as in the line NSpid of
/// /proc/self/status: "22041 1". Empty on a kernel without this line (before 4.1).
std::string own_numbers() {
  std::ifstream status("/proc/self/status");
  constexpr std::string_view name = "NSpid:\t";
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return line.substr(name.size());
  }
  return "";
}

}  // namespace

void check_proc() {
  struct statfs proc {};
  if (statfs("/proc", &proc) != 0 || proc.f_type != PROC_SUPER_MAGIC) {
    throw failure("/proc is not mounted; mount it, dlock needs it");
  }
  std::array<char, 32> self{};
  const ssize_t size = readlink("/proc/self", self.data(), self.size());
  const std::string id = std::to_string(getpid());
  const std::string numbers = own_numbers();
  if (size > 0 && id == std::string_view(self.data(), static_cast<std::size_t>(size)) &&
      (numbers.empty() || numbers == id)) {
    return;
  }
  throw failure(
      "/proc shows another PID namespace than that of dlock, which could not find the command's processes there; mount "
      "one for this namespace (unshare --mount-proc, bwrap --proc /proc)");
}

std::vector<process> descendants(const std::vector<process>& strangers) {
  return descendants_by(boot_clock::time_point::max(), strangers);
}

std::vector<process> inherited_descendants() {
  siginfo_t ignored{};
  const bool childless = waitid(P_ALL, 0, &ignored, WEXITED | WNOHANG | WNOWAIT) != 0;
  return childless ? std::vector<process>{} : descendants();
}

bool are_strangers_all(const std::vector<process>& strangers) {
  const std::vector<pid_t> found = children();
  if (found.empty()) return descendants(strangers).empty();  // the kernel has no list of children
  return std::all_of(found.begin(), found.end(), [&](pid_t child) { return is_stranger(child, strangers); });
}

bool is_stopped(pid_t id) {
  const auto seen = look_at(id);
  return seen && seen->state == 'T';
}

void terminate_descendants(boot_clock::time_point limit) {
  for (const process& each : descendants_by(limit, {})) {
    if (send_signal(each, SIGTERM)) send_signal(each, SIGCONT);
  }
}

sweep kill_descendants(const std::vector<process>& strangers) {
  signal_children(strangers, SIGKILL);
  sweep result;
  for (const process& each : descendants(strangers)) {
    if (send_to_group(each, SIGKILL)) {
      ++result.reached;
    } else if (errno == EPERM) {
      ++result.refused;
    }
  }
  return result;
}

sweep stop_and_kill_descendants(const std::vector<process>& strangers) {
  const auto give_up_at = boot_clock::now() + std::chrono::milliseconds(50);
  std::vector<process> stopped;
  for (bool more = true; more && boot_clock::now() < give_up_at;) {
    signal_children(strangers, SIGSTOP);
    more = false;
    for (const process& each : descendants_by(give_up_at, strangers)) {
      if (contains(stopped, each)) continue;
      more = true;
      stopped.push_back(each);
      send_to_group(each, SIGSTOP);
    }
  }
  return kill_descendants(strangers);
}

}  // namespace dlock::cli
