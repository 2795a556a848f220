#include "client/combiner.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dlock {
namespace {

using protocol::batch;
using protocol::request;

constexpr int kOnTheirWay = 2;                              // commands for one lock
constexpr std::size_t kTogether = 64;                       // requests in one command
constexpr auto kPatience = std::chrono::milliseconds{100};  // a connection that hangs must not hold up the others

class combiner final : public store {
 public:
  explicit combiner(std::shared_ptr<store> where) : where_(std::move(where)) {}

  [[nodiscard]] answer apply(const request& r, lane which) override;
  [[nodiscard]] std::vector<answer> apply_all(const batch& requests) override { return where_->apply_all(requests); }
  [[nodiscard]] look_answer read(const protocol::look& l) override { return where_->read(l); }

 private:
  /// Somebody who waits, on their own thread's stack.
  struct seat {
    const request& what;
    std::condition_variable changed;
    std::vector<seat*> leads;  // the turn has come: these go together, this one first
    bool taken = false;        // by one who leads
    std::optional<answer> result;
  };
  struct group {
    int on_their_way = 0;
    std::deque<seat*> waiting;
  };
  [[nodiscard]] answer lead(const std::string& lock, const std::vector<seat*>& together);
  void next(const std::string& lock);

  const std::shared_ptr<store> where_;
  std::mutex guard_;
  std::map<std::string, group> groups_;
};

answer combiner::apply(const request& r, lane which) {
  if (!protocol::can_go_together(r)) return where_->apply(r, which);
  seat mine{.what = r, .changed = {}, .leads = {}, .taken = false, .result = {}};
  {
    std::unique_lock lock(guard_);
    auto& g = groups_[r.lock];
    if (g.on_their_way < kOnTheirWay) {
      ++g.on_their_way;
      mine.leads.push_back(&mine);
    } else {
      g.waiting.push_back(&mine);
      mine.changed.wait_for(lock, kPatience, [&] { return mine.taken || !mine.leads.empty(); });
      if (mine.taken) mine.changed.wait(lock, [&] { return mine.result.has_value(); });
      if (mine.result) return *std::move(mine.result);
      if (mine.leads.empty()) {  // too long: on its own
        std::erase(g.waiting, &mine);
        ++g.on_their_way;
        mine.leads.push_back(&mine);
      }
    }
  }
  return lead(r.lock, mine.leads);
}

/// Runs on the thread of the first of them.
answer combiner::lead(const std::string& lock, const std::vector<seat*>& together) {
  std::vector<answer> answers;
  if (together.size() == 1) {
    answers.push_back(where_->apply(together.front()->what, lane::normal));
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
  next(lock);
  return std::move(answers.front());
}

/// A command has ended: the next one goes, with all that fit together. With guard_ held.
void combiner::next(const std::string& lock) {
  auto& g = groups_[lock];
  if (g.waiting.empty()) {
    if (--g.on_their_way == 0) groups_.erase(lock);
    return;
  }
  seat* const first = g.waiting.front();
  std::vector<seat*> together;
  const auto fits = [&](const seat* s) {
    return together.empty() ||
           (together.size() < kTogether &&
            std::all_of(together.begin(), together.end(), [&](auto* t) { return go_together(t->what, s->what); }));
  };
  std::deque<seat*> left;
  for (seat* s : g.waiting) {
    if (fits(s)) {
      together.push_back(s);
    } else {
      left.push_back(s);
    }
  }
  g.waiting.swap(left);
  for (std::size_t i = 1; i < together.size(); ++i) together[i]->taken = true;
  first->leads = std::move(together);
  first->changed.notify_one();
}

}  // namespace

std::shared_ptr<store> combining(std::shared_ptr<store> where) {
  return std::make_shared<combiner>(std::move(where));
}

}  // namespace dlock
