#include "process_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "fd.hpp"

namespace dlock::cli {

namespace {

/// Reads /proc/<id>/stat. None: no such process, or one that has ended and only waits to be reaped.
std::optional<process> look_at(pid_t id) {
  const std::string path = "/proc/" + std::to_string(id) + "/stat";
  const unique_fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::array<char, 1024> buffer{};
  const ssize_t size = read(file.get(), buffer.data(), buffer.size() - 1);
  if (size <= 0) return std::nullopt;

  // "id (name) state parent group session tty foreground flags ...", 22nd the start time. The name may hold anything.
  const char* const after_name = std::strrchr(buffer.data(), ')');
  if (after_name == nullptr) return std::nullopt;
  process found{.id = id};
  const int fields =
      std::sscanf(after_name + 1, " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                  &found.state, &found.parent, &found.group, &found.session, &found.started);
  if (fields != 5 || found.state == 'Z' || found.state == 'X') return std::nullopt;
  return found;
}

std::vector<process> all_processes() {
  std::vector<process> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/proc"), &closedir);
  if (!directory) return found;
  while (const dirent* entry = readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    pid_t id = 0;
    const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (error != std::errc() || stop != name.data() + name.size()) continue;
    if (const auto seen = look_at(id)) found.push_back(*seen);
  }
  return found;
}

/// Of this process's main thread, ended ones included, where the kernel tells (CONFIG_PROC_CHILDREN). Their numbers are
/// theirs until we reap them.
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
    // A number that was cut off would be somebody else's.
    if (error != std::errc() || stop == end) break;
    found.push_back(id);
    next = stop + 1;
  }
  return found;
}

bool contains(const std::vector<process>& processes, const process& one) {
  return std::any_of(processes.begin(), processes.end(),
                     [&](const process& each) { return each.id == one.id && each.started == one.started; });
}

/// A child that ended is none any more; its number may be another one's soon.
bool is_stranger(pid_t child, const std::vector<process>& strangers) {
  const auto same_id = [&](const process& each) { return each.id == child; };
  if (std::none_of(strangers.begin(), strangers.end(), same_id)) return false;
  const auto seen = look_at(child);
  return seen && contains(strangers, *seen);
}

/// Whether the signal was sent; errno tells why not. By a descriptor where the kernel has them (5.3), so that
/// a process that ended meanwhile cannot hand the signal to the next one with its number.
bool send(const process& target, int signal) {
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

sweep signal_all(const std::vector<process>& targets, int signal) {
  sweep result;
  for (const process& each : targets) {
    if (send(each, signal)) {
      ++result.reached;
    } else if (errno == EPERM) {
      ++result.refused;
    }
  }
  return result;
}

}  // namespace

std::vector<process> descendants(const std::vector<process>& strangers) {
  const std::vector<process> all = all_processes();
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

std::vector<process> inherited_descendants() {
  siginfo_t ignored{};
  const bool childless = waitid(P_ALL, 0, &ignored, WEXITED | WNOHANG | WNOWAIT) != 0;
  return childless ? std::vector<process>{} : descendants();
}

bool are_strangers_all(const std::vector<process>& strangers) {
  const std::vector<pid_t> found = children();
  if (found.empty()) return descendants(strangers).empty();  // the kernel does not tell
  return std::all_of(found.begin(), found.end(), [&](pid_t child) { return is_stranger(child, strangers); });
}

bool is_stopped(pid_t id) {
  const auto seen = look_at(id);
  return seen && seen->state == 'T';
}

sweep signal_descendants(int signal) {
  return signal_all(descendants(), signal);
}

sweep kill_descendants(const std::vector<process>& strangers) {
  const std::vector<process> found = descendants(strangers);
  // Nobody can join a session, so one that was made by a descendant has descendants only.
  const pid_t our_session = getsid(0);
  for (const process& each : found) {
    if (each.session != our_session && each.group > 1) kill(-each.group, SIGKILL);
  }
  const sweep result = signal_all(found, SIGKILL);
  // Faster than a walk through /proc are chains of short-lived processes, each the parent of the next one: but then
  // each soon is our child.
  for (int round = 0; round < 50; ++round) {
    for (const pid_t child : children()) {
      if (!is_stranger(child, strangers)) kill(child, SIGKILL);
    }
  }
  return result;
}

}  // namespace dlock::cli
