#pragma once

#include <string>
#include <vector>

#include "conflicts.hpp"
#include "holds.hpp"

/// The rules. What each one says is in README.md, next to this file.
namespace dlock::chaos {

struct check_result {
  explicit check_result(std::string called) : name(std::move(called)) {}

  std::string name;
  std::string detail;
  std::vector<std::string> examples;  // the first ones
  std::int64_t broken = 0;

  [[nodiscard]] bool ok() const { return broken == 0; }
  void breaks(const std::string& how) {
    if (++broken <= 5) examples.push_back(how);
  }
};

struct wake_up_gaps {
  std::int64_t judged = 0;
  ns longest = 0;
  ns median = 0;
};

using conflict_list = std::vector<conflict>;

check_result check_exclusion_at_resource(const analysis& a);
check_result check_lost_updates(const analysis& a);
check_result check_accounting(const analysis& a);
check_result check_overlap(const analysis& a, const conflict_list& conflicts);
check_result check_permits(const analysis& a, const conflict_list& conflicts);
check_result check_readers_writers(const analysis& a, const conflict_list& conflicts);
check_result check_tokens_unique(const analysis& a);
check_result check_tokens_real_time(const analysis& a);
check_result check_queue_order(const analysis& a);
check_result check_lost_before_takeover(const analysis& a);
check_result check_wake_up_gap(const analysis& a, wake_up_gaps& gaps);
check_result check_liveness(const analysis& a);
check_result check_deadlines(const analysis& a);
check_result check_fork(const analysis& a);

}  // namespace dlock::chaos
