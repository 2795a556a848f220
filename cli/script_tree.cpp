#include "script_tree.hpp"

#include <poll.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>

namespace dlock::cli {

void script_tree::look(boot_clock::time_point limit) {
  std::vector<process> alive;
  for (const process& each : seen_) {
    const auto now = look_at(each.id);
    if (now && now->started == each.started) alive.push_back(*now);  // it may have another session by now
  }
  seen_ = std::move(alive);

  const std::vector<process> all = all_processes(limit);
  const pid_t ours = getsid(0);
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    const process known = seen_[i];  // a copy, because the vector grows
    const bool leads = known.session == known.id;
    for (const process& each : all) {
      const bool belongs = each.parent == known.id || (leads && each.session == known.id);
      if (belongs && each.session != ours && !contains(seen_, each)) seen_.push_back(each);
    }
  }
}

void script_tree::terminate(boot_clock::time_point limit) {
  look(limit);
  // The script first: it must not go on with its next command when the one that it waits for has ended.
  for (const process& each : seen_) {
    if (send_signal(each, SIGTERM)) send_signal(each, SIGCONT);
  }
}

sweep script_tree::kill() {
  look(boot_clock::time_point::max());
  sweep result;
  for (const process& each : seen_) {
    if (send_signal(each, SIGKILL)) {
      ++result.reached;
    } else if (errno == EPERM) {
      ++result.refused;
    }
  }
  return result;
}

sweep script_tree::stop_and_kill() {
  const auto give_up_at = boot_clock::now() + std::chrono::milliseconds(50);
  std::vector<process> stopped;
  for (bool more = true; more && boot_clock::now() < give_up_at;) {
    more = false;
    look(give_up_at);
    for (const process& each : seen_) {
      if (contains(stopped, each)) continue;
      more = true;
      stopped.push_back(each);
      send_signal(each, SIGSTOP);
    }
  }
  return kill();
}

bool script_tree::is_gone(boot_clock::time_point limit) {
  look(limit);
  return seen_.empty() && boot_clock::now() < limit;
}

int script_tree::kill_all() {
  const auto give_up_at = boot_clock::now() + std::chrono::seconds(10);
  for (sweep swept = stop_and_kill();; swept = kill()) {
    if (swept.reached + swept.refused == 0) return 0;
    if (swept.reached == 0 || boot_clock::now() >= give_up_at) return swept.reached + swept.refused;
    poll(nullptr, 0, 2);
  }
}

}  // namespace dlock::cli
