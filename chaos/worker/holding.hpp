#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <dlock/dlock.hpp>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "history.hpp"
#include "lock_spec.hpp"

namespace chaos {

struct held_lock {
  wish what;
  std::string id;  // of the acquisition
  std::int64_t token = 0;
};

/// What a thread holds, one lock or several together, and all that it believes of it meanwhile: renewals and the loss
/// go into the history.
class holding {
 public:
  using grip = std::variant<dlock::lease, dlock::lease_set>;
  /// `until`: of the lease, as it was written down when it was acquired.
  holding(history& into, std::vector<held_lock> what, grip lease, std::int64_t until);
  holding(const holding&) = delete;
  holding& operator=(const holding&) = delete;
  ~holding() = default;

  [[nodiscard]] const std::vector<held_lock>& locks() const { return locks_; }
  [[nodiscard]] const grip& lease() const { return lease_; }
  [[nodiscard]] bool held() const;
  /// Writes down what has changed. Whether it is still held.
  bool look();
  /// Looks every few milliseconds, for `time` or (unless `stale`) until it is lost.
  void keep_for(std::chrono::milliseconds time, bool stale);
  void becomes(const wish& what) { locks_.front().what = what; }

  void release();

  /// For a forked child: what it is answered when it uses what belongs to its parent.
  [[nodiscard]] json as_a_child();

 private:
  /// Outlives the holding: the callback may come late.
  struct notice {
    std::vector<std::string> ids;
    std::atomic<bool> lost{false};
    void lose(history& into, const std::string& why);
  };

  history& into_;
  std::vector<held_lock> locks_;
  std::shared_ptr<notice> notice_;
  std::int64_t until_;
  grip lease_;
};

}  // namespace chaos
