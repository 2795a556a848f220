#include "rounds.hpp"

#include <algorithm>
#include <cstdio>
#include <thread>

#include "section.hpp"

namespace chaos {
namespace {

using std::chrono::milliseconds;

constexpr int kSharedPercent = 60;     // of what is asked of a shared mutex
constexpr int kDowngradePercent = 25;  // of its exclusive holds
constexpr int kProclaims = 3;          // of a leader, at most
constexpr int kTimeoutPercent = 25;    // of the waits
constexpr int kLongestPause = 10;      // ms between rounds

}  // namespace

rounds::rounds(run& with, int number)
    : with_(with),
      random_(with.given.seed * 1000 + static_cast<std::uint64_t>(number)),
      me_(with.locks, with.given.locks, with.into, with.given.local_turns, with.given.linger),
      resource_(with.given.resource, with.into.process()) {}

int rounds::pick(int least, int most) {
  // Not std::uniform_int_distribution: the same seed is to mean the same everywhere.
  return least + static_cast<int>(random_() % static_cast<std::uint64_t>(most - least + 1));
}

wish rounds::pick_wish(const lock_spec& lock) {
  if (lock.what == kind::semaphore) {
    const auto most = static_cast<int>(lock.cap);
    return {&lock, false, chance(50) ? 1 : pick(1, most)};
  }
  if (lock.what == kind::shared && chance(kSharedPercent)) return {&lock, false, 1};
  return {&lock, true, 0};
}

patience rounds::pick_patience(bool may_try) {
  patience how{.try_once = may_try && chance(with_.given.try_percent), .timeout = {}, .stop = with_.cancel.get_token()};
  if (with_.given.max_timeout_ms > 0 && chance(kTimeoutPercent)) {
    how.timeout = milliseconds{pick(1, with_.given.max_timeout_ms)};
  }
  return how;
}

std::unique_ptr<holding> rounds::pick_and_acquire() {
  std::vector<const lock_spec*> several;
  if (chance(with_.given.all_percent)) {
    for (const auto& lock : with_.given.locks) {
      if (lock.what != kind::election) several.push_back(&lock);
    }
    for (std::size_t i = several.size(); i > 1; --i) {
      std::swap(several[i - 1], several[static_cast<std::size_t>(pick(0, static_cast<int>(i) - 1))]);
    }
    several.resize(std::min<std::size_t>(several.size(), static_cast<std::size_t>(pick(2, 3))));
  }
  if (several.size() < 2) {
    const auto& lock =
        with_.given.locks[static_cast<std::size_t>(pick(0, static_cast<int>(with_.given.locks.size()) - 1))];
    return me_.acquire(pick_wish(lock), pick_patience(true));
  }
  std::vector<wish> all;
  for (const auto* lock : several) all.push_back(pick_wish(*lock));
  return me_.acquire_all(all, pick_patience(false));
}

void rounds::use(holding& what) {
  const auto& given = with_.given;
  auto hold = milliseconds{pick(given.hold_ms.first, given.hold_ms.second)};
  const auto& first = what.locks().front().what;
  const bool downgrades =
      what.locks().size() == 1 && first.lock->what == kind::shared && first.exclusive && chance(kDowngradePercent);
  section at(resource_, what);
  if (!what.look() && !given.stale) return;
  at.begin();
  // Long enough for the parent to notice what a child should not be able to do.
  if (with_.forks.fork_with(what, with_.into)) hold = std::max<milliseconds>(hold, given.client.exp_delta / 2);
  if (first.lock->what == kind::election) {
    const int times = pick(0, kProclaims);
    for (int i = 1; i <= times && what.look(); ++i) {
      what.keep_for(hold / (times + 1), given.stale);
      me_.proclaim(what, i);
    }
    hold /= times + 1;
  }
  what.keep_for(hold, given.stale);
  at.end(what.look() || given.stale);
  if (!downgrades || !what.look() || !me_.downgrade(what)) return;
  section shared(resource_, what);
  shared.begin();
  what.keep_for(hold, given.stale);
  shared.end(what.look() || given.stale);
}

void rounds::go() {
  while (!with_.ending) {
    if (const auto what = pick_and_acquire()) {
      try {
        use(*what);
      } catch (const std::exception& e) {
        std::fprintf(stderr, "chaos-worker %s: %s\n", with_.into.process().c_str(), e.what());
      }
      what->release();
    }
    std::this_thread::sleep_for(milliseconds{pick(0, kLongestPause)});
  }
}

bool final_round(run& with) {
  constexpr milliseconds kPatience{20'000};
  participant me(with.locks, with.given.locks, with.into), other(with.locks, with.given.locks, with.into);
  resource_link resource(with.given.resource, with.into.process());
  bool all_well = true;
  for (const auto& lock : with.given.locks) {
    const auto got =
        me.acquire({&lock, lock.cap == 0, lock.cap}, {.try_once = false, .timeout = kPatience, .stop = {}});
    bool ok = got != nullptr;
    if (got) {
      section at(resource, *got);
      at.begin();
      // Whole means that nobody else gets in.
      const wish more{&lock, lock.cap == 0, lock.cap == 0 ? 0 : 1};
      const auto too_much = other.acquire(more, {.try_once = true, .timeout = {}, .stop = {}});
      ok = !too_much;
      if (too_much) too_much->release();
      at.end(got->look());
      got->release();
    }
    const json line{{"lock", lock.id}, {"ok", ok}, {"token", got ? got->locks().front().token : 0}};
    std::puts(line.dump().c_str());
    std::fflush(stdout);
    all_well = all_well && ok;
  }
  return all_well;
}

}  // namespace chaos
