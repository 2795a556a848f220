#include "client/combiner.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "util/boot_wait.hpp"

namespace dlock {
namespace {

using protocol::batch;
using protocol::ms;
using protocol::request;

constexpr int kOnTheirWay = 2;  // commands for one lock

class combiner final : public store {
 public:
  combiner(std::shared_ptr<store> where, std::shared_ptr<environment> env, std::chrono::milliseconds patience)
      : where_(std::move(where)), env_(std::move(env)), patience_(patience.count()) {}

  [[nodiscard]] answer apply(const request& r, lane which) override;
  [[nodiscard]] std::vector<answer> apply_all(const batch& requests) override { return where_->apply_all(requests); }
  [[nodiscard]] look_answer read(const protocol::look& l) override { return where_->read(l); }

 private:
  /// Somebody who waits, on their own thread's stack.
  struct seat {
    const request& what;
    std::condition_variable changed;
    std::vector<seat*> leads;  // the turn has come: these go together, this one first
    std::uint64_t era = 0;     // ... and belong to this one
    bool taken = false;        // by one who leads
    std::optional<answer> result;

    [[nodiscard]] bool has_its_turn() const { return taken || !leads.empty(); }
  };
  struct group {
    std::uint64_t era;     // those of an earlier one hang: they count no more
    int on_their_way = 0;  // commands of this era
    ms last = 0;           // when one of them set out
    std::deque<seat*> waiting;
  };
  using groups = std::map<std::string, group>;
  void fill(group& g);
  void go(group& g);
  void returned(const std::string& lock, std::uint64_t era);
  [[nodiscard]] answer lead(const seat& mine);

  const std::shared_ptr<store> where_;
  const std::shared_ptr<environment> env_;
  const ms patience_;
  std::mutex guard_;
  std::uint64_t eras_ = 0;
  groups groups_;
};

answer combiner::apply(const request& r, lane which) {
  if (!protocol::can_go_together(r)) return where_->apply(r, which);
  seat mine{.what = r, .changed = {}, .leads = {}, .result = {}};
  {
    std::unique_lock lock(guard_);
    const auto found = groups_.find(r.lock);
    group& g = found != groups_.end() ? found->second : groups_.emplace(r.lock, group{.era = ++eras_}).first->second;
    g.waiting.push_back(&mine);
    fill(g);
    while (!mine.has_its_turn()) {
      const auto has_its_turn = [&] { return mine.has_its_turn(); };
      if (wait_until(*env_, mine.changed, lock, g.last + patience_, has_its_turn)) break;
      if (env_->now_ms() < g.last + patience_) continue;
      g.era = ++eras_;  // nothing came back all that time
      g.on_their_way = 0;
      fill(g);
    }
    if (mine.taken) {
      mine.changed.wait(lock, [&] { return mine.result.has_value(); });
      return *std::move(mine.result);
    }
  }
  return lead(mine);
}

/// Runs on the thread of the first of them.
answer combiner::lead(const seat& mine) {
  const auto& together = mine.leads;
  std::vector<answer> answers;
  if (together.size() == 1) {
    answers.push_back(where_->apply(mine.what, lane::normal));
  } else {
    batch all;
    for (const auto* s : together) all.push_back(s->what);
    answers = where_->apply_all(all);
  }
  const std::lock_guard here(guard_);
  for (std::size_t i = 1; i < together.size(); ++i) {
    together[i]->result = std::move(answers[i]);
    together[i]->changed.notify_one();
  }
  returned(mine.what.lock, mine.era);
  return std::move(answers.front());
}

/// A command has ended: its place is the next one's. With guard_ held.
void combiner::returned(const std::string& lock, std::uint64_t era) {
  const auto it = groups_.find(lock);
  if (it == groups_.end() || it->second.era != era) return;  // nobody waits for it any more
  auto& g = it->second;
  --g.on_their_way;
  fill(g);
  if (g.on_their_way == 0) groups_.erase(it);
}

void combiner::fill(group& g) {
  while (g.on_their_way < kOnTheirWay && !g.waiting.empty()) go(g);
}

/// The first who waits goes, with what goes together with it. With guard_ held.
void combiner::go(group& g) {
  std::vector<const request*> asked;
  for (const auto* s : g.waiting) asked.push_back(&s->what);
  std::vector<seat*> together;
  for (const auto i : protocol::next_batch(asked)) {
    together.push_back(g.waiting[i]);
    g.waiting[i] = nullptr;
  }
  std::erase(g.waiting, nullptr);
  ++g.on_their_way;
  g.last = env_->now_ms();
  for (std::size_t i = 1; i < together.size(); ++i) together[i]->taken = true;
  seat* const first = together.front();
  first->leads = std::move(together);
  first->era = g.era;
  first->changed.notify_one();
}

}  // namespace

std::shared_ptr<store> combining(std::shared_ptr<store> where, std::shared_ptr<environment> env,
                                 std::chrono::milliseconds patience) {
  return std::make_shared<combiner>(std::move(where), std::move(env), patience);
}

}  // namespace dlock
