#pragma once

#include <map>
#include <string>
#include <vector>

#include "history.hpp"

/// When something was wrong on purpose.
namespace dlock::chaos {

struct interval {
  ns from = 0;
  ns to = never;  // half-open
};

/// Intervals that may overlap; asked after the last one was added.
class intervals {
 public:
  void add(interval i) { all_.push_back(i); }
  void sort();
  /// Whether one of them has a moment in [from, to].
  [[nodiscard]] bool meets(ns from, ns to) const;

 private:
  std::vector<interval> all_;  // disjoint and in order once sorted
};

class windows {
 public:
  explicit windows(const history& h);

  /// Nothing was wrong with anything from some time before `from` on, until `to`: long enough for what a fault leaves
  /// in the lock's document to be gone.
  [[nodiscard]] bool quiet(const std::string& lock, ns from, ns to) const {
    return !everything_.meets(from - settle(lock), to);
  }
  /// The same for what can touch a call of `process` on `lock`: others may be killed or frozen meanwhile.
  [[nodiscard]] bool quiet_for(const std::string& process, const std::string& lock, ns from, ns to) const;

  /// The process was frozen at some moment of it.
  [[nodiscard]] bool frozen(const std::string& process, ns from, ns to) const {
    return meets(frozen_, process, from, to);
  }
  /// A SIGSTOP held it at some moment of it, perhaps too briefly to count as frozen.
  [[nodiscard]] bool stopped(const std::string& process, ns from, ns to) const {
    return meets(stopped_, process, from, to);
  }
  [[nodiscard]] ns killed(const std::string& process) const;
  /// An operator edited or deleted the lock's document.
  [[nodiscard]] bool edited(const std::string& lock, ns from, ns to) const;
  /// A member's clock was wrong by more than the leases allow for, and expiry is judged by it.
  [[nodiscard]] bool clock_wrong(ns from, ns to) const { return clock_.meets(from, to); }
  /// Tokens may fall over the removal of a document: the clock went back, and by how much does not matter if an
  /// operator removed it, or by more than `grace` if the TTL index did.
  [[nodiscard]] bool tokens_may_fall(const std::string& lock, ns until) const;

  [[nodiscard]] const std::map<std::string, std::int64_t>& injections() const { return injections_; }

 private:
  using by_name = std::map<std::string, intervals>;
  static bool meets(const by_name& map, const std::string& name, ns from, ns to);

  [[nodiscard]] ns settle(const std::string& lock) const;

  std::map<std::string, ns> settle_;
  intervals everything_, global_, clock_, edited_anything_;
  by_name frozen_, stopped_, of_process_, of_lock_, edited_;
  std::map<std::string, ns> killed_;
  std::map<std::string, std::int64_t> injections_;
  ns first_back_ = never;      // when a member's clock first went back
  ns first_far_back_ = never;  // ... by more than `grace`
};

}  // namespace dlock::chaos
