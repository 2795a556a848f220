#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "history.hpp"
#include "windows.hpp"

/// Who believed to hold what, and when. A holder believes from the return of its acquire on, as long as the latest
/// `until` that it was told is ahead, and until it calls release, is told of the loss, or dies.
namespace dlock::chaos {

/// One lock, granted to one acquisition.
struct hold {
  std::size_t call = 0;  // in history::calls
  claim what;
  std::string id;
  std::int64_t token = 0;
  std::string process;
  ns asked = 0;
  ns from = 0;            // the return of its acquire
  ns until = 0;           // the last one it was told
  ns downgraded = never;  // when it asked for that: others may read from then on
  ns release_called = never;
  ns release_returned = never;
  ns released = never;  // when a release returned that said so
  ns lost = never;      // when it was told of the loss
  ns died = never;
  std::vector<interval> believed;
  place where;
  place where_lost;

  [[nodiscard]] ns last_belief() const { return believed.empty() ? from : believed.back().to; }
  [[nodiscard]] bool exclusive_at(ns t) const { return what.exclusive && t < downgraded; }
};

/// Of a lock: its holds, in the order of their returns, and everything that was called on it.
struct lock_view {
  std::vector<std::size_t> holds;
  std::vector<std::size_t> calls;  // that acquire, in the order of their beginning
  std::int64_t cap = 0;            // the largest that anybody named; 0 = none
};

struct analysis {
  const history& h;
  windows faults;
  std::vector<hold> holds;
  std::map<std::string, lock_view> locks;
  std::unordered_map<std::string, std::vector<std::size_t>> by_id;

  explicit analysis(const history& from);

  /// It ended, but not by a release that was called in time, and not with its process.
  [[nodiscard]] bool ended_by_loss(const hold& one) const {
    return one.lost != never || one.until < std::min({one.release_called, one.died, h.last});
  }
  [[nodiscard]] std::string describe(const hold& one) const;
  [[nodiscard]] double seconds(ns t) const { return static_cast<double>(t - h.first) / 1e9; }

 private:
  void find_holds();
  void find_ends();
  void find_beliefs();
};

}  // namespace dlock::chaos
