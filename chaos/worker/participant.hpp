#pragma once

#include <dlock/dlock.hpp>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "history.hpp"
#include "holding.hpp"
#include "lock_spec.hpp"

namespace chaos {

/// How long a call may wait.
struct patience {
  bool try_once = false;
  std::optional<std::chrono::milliseconds> timeout;  // none: for ever
  std::stop_token stop;
};

/// One thread's lock objects: what it asks of them goes into the history.
class participant {
 public:
  participant(dlock::client& locks, const std::vector<lock_spec>& all, history& into, int local_turns = 1,
              int linger = 0);

  /// Nothing if it was not acquired, for whatever reason.
  [[nodiscard]] std::unique_ptr<holding> acquire(const wish& what, const patience& how);
  /// Elections cannot be among them.
  [[nodiscard]] std::unique_ptr<holding> acquire_all(const std::vector<wish>& what, const patience& how);
  /// Exclusive to shared; of a shared lock only. Whether it is still held.
  bool downgrade(holding& what);
  /// Publishes the leader's next value; of an election only.
  void proclaim(const holding& what, int number);

 private:
  using object = std::variant<dlock::mutex, dlock::shared_mutex, dlock::semaphore, dlock::election>;
  [[nodiscard]] dlock::acquisition ask(const wish& what, const patience& how, recorded_call& call);
  [[nodiscard]] dlock::claim claim_of(const wish& what);
  [[nodiscard]] json timing(const patience& how) const;

  dlock::client& locks_;
  history& into_;
  std::map<std::string, object> objects_;
};

}  // namespace chaos
