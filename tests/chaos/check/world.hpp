#pragma once

#include <memory>
#include <queue>
#include <random>
#include <tuple>

#include "lines.hpp"
#include "lock_service.hpp"

namespace dlock::chaos {

/// Time, processes that can be killed, frozen and cut off, and what they write. Everything happens in the order of
/// time.
class world {
 public:
  struct process {
    std::string name;
    bool dead = false;
    ns frozen_until = 0;  // does nothing
    ns cut_until = 0;     // does not reach the server
    int calls = 0;
  };
  using task = std::function<void()>;

  explicit world(std::uint64_t seed) : random_(seed) {}

  ns now = 100 * ns_per_s;
  ns server_down_until = 0;
  lines out;
  service locks;
  std::map<std::string, guarded> resource;

  std::int64_t pick(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(most - least + 1));
  }
  bool chance(int percent) { return pick(0, 99) < percent; }
  /// What a message takes.
  ns hop() { return pick(200, 3000) * 1000; }

  void write(const std::string& who, const char* event, json fields) {
    json line{{"t", now}, {"p", who}, {"e", event}};
    line.update(fields);
    out.push_back(std::move(line));
  }

  void at(ns when, task what) { tasks_.push({std::max(when, now + 1), ++order_, std::move(what)}); }
  /// By a process: later if it is frozen then, never if it is dead.
  void by(const std::shared_ptr<process>& who, ns when, task what) {
    at(when, [this, who, what = std::move(what)] {
      if (who->dead) return;
      if (now < who->frozen_until) {
        by(who, who->frozen_until, what);
      } else {
        what();
      }
    });
  }
  /// From the process to the server, and what it does there.
  void ask(const std::shared_ptr<process>& who, task what) { deliver(who, now + hop(), false, std::move(what)); }
  /// From the server to the process.
  void tell(const std::shared_ptr<process>& who, task what) { deliver(who, now + hop(), true, std::move(what)); }

  void run() {
    while (!tasks_.empty()) {
      const auto next = tasks_.top();
      tasks_.pop();
      now = next.when;
      next.what();
    }
  }

 private:
  struct entry {
    ns when;
    std::int64_t order;
    task what;
    bool operator<(const entry& other) const { return std::tie(when, order) > std::tie(other.when, other.order); }
  };

  void deliver(const std::shared_ptr<process>& who, ns when, bool to_process, task what) {
    at(when, [this, who, to_process, what = std::move(what)] {
      if (const ns blocked = std::max(who->cut_until, to_process ? 0 : server_down_until); now < blocked) {
        deliver(who, blocked + hop(), to_process, what);
      } else if (to_process) {
        by(who, now, what);
      } else {
        what();
      }
    });
  }

  std::mt19937_64 random_;
  std::priority_queue<entry> tasks_;
  std::int64_t order_ = 0;
};

}  // namespace dlock::chaos
