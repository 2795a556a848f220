#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <dlock/history.hpp>

#include "protocol/answer.hpp"

namespace dlock {

/// The answer to a question for past runs. `runs` is filled if it was answered: the newest first.
struct runs_answer : answer {
  std::vector<past_run> runs;
};

/// What ran under the locks of a collection (docs/adr/0035-history.md). Thread-safe.
class past_runs {
 public:
  /// How many runs of a lock are kept.
  static constexpr std::int64_t most = 20;

  past_runs() = default;
  past_runs(const past_runs&) = delete;
  past_runs& operator=(const past_runs&) = delete;
  virtual ~past_runs() = default;

  /// Records a run, in the place of one with the same owner, unless the end of that one ranks higher: unknown is below
  /// ended and too_long, and these are below lost. Its `ended` and `ago` are ignored. Blocks for as long as the store's
  /// own I/O limits allow; the server itself waits for at most `limit` ms. May be repeated.
  [[nodiscard]] virtual answer add(const std::string& lock, const past_run& run, std::int64_t limit) = 0;
  [[nodiscard]] virtual runs_answer read(const std::string& lock, std::int64_t limit) = 0;
};

}  // namespace dlock
