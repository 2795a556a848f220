#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lines.hpp"

namespace dlock::chaos {

/// One lock, granted alone, with the places of its lines.
struct grant_lines {
  std::size_t call = 0, ret = 0;
  std::size_t release = 0, released = 0, lost = 0;  // 0 = none: the first line is the run's start
  std::string process, lock, id, kind;
  bool exclusive = true;
  bool downgraded = false;
  std::int64_t token = 0;
  ns called = 0, returned = 0, queued = never;
  ns release_returned = never;
};

struct index {
  explicit index(const lines& of);

  std::vector<grant_lines> grants;  // in the order of their returns
  std::set<std::string> faults;     // classes; also "killed" and "frozen"
  std::set<std::string> killed, frozen;

  std::vector<std::pair<ns, ns>> excuses;  // when no lease could be kept, from and to

  /// A lease of that time could be kept.
  [[nodiscard]] bool lease_proof(ns from = 0, ns to = never) const;
};

}  // namespace dlock::chaos
