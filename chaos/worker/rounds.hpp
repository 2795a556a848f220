#pragma once

#include <atomic>
#include <random>
#include <stop_token>

#include "arguments.hpp"
#include "forking.hpp"
#include "participant.hpp"
#include "resource_link.hpp"

namespace chaos {

/// What the threads of a worker share.
struct run {
  const arguments& given;
  dlock::client& locks;
  history& into;
  forking& forks;
  std::atomic<bool> ending{false};  // no new round begins
  std::stop_source cancel;          // waits are cancelled
  std::atomic<int> going{0};        // threads that are not done yet
};

/// One thread: acquires something, uses it, releases it, and so on until the run is ending.
class rounds {
 public:
  /// `number`: of the thread; with the seed it decides all choices.
  rounds(run& with, int number);
  void go();

 private:
  [[nodiscard]] int pick(int least, int most);
  [[nodiscard]] bool chance(int percent) { return pick(1, 100) <= percent; }
  [[nodiscard]] wish pick_wish(const lock_spec& lock);
  [[nodiscard]] patience pick_patience(bool may_try);
  [[nodiscard]] std::unique_ptr<holding> pick_and_acquire();
  void use(holding& what);

  run& with_;
  std::mt19937_64 random_;
  participant me_;
  resource_link resource_;
};

/// Acquires each lock once, whole: a semaphore with all its permits. Whether all went well; a line on stdout for each.
[[nodiscard]] bool final_round(run& with);

}  // namespace chaos
