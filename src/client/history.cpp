// The public part of past runs.
#include <dlock/history.hpp>

#include <algorithm>

#include <dlock/client.hpp>
#include <dlock/error.hpp>

#include "client/validate.hpp"
#include "runtime/runtime.hpp"
#include "util/text.hpp"

namespace dlock {
namespace {

[[noreturn]] void refuse_record(const std::string& id, const std::string& why) {
  throw error(errc::invalid_argument, "cannot record a run of lock " + in_quotes(id) + ": " + why);
}

void check_run(const std::string& id, const past_run& run) {
  constexpr std::size_t longest_owner = 200;
  if (run.owner.empty()) refuse_record(id, "the run has no owner; give lease::owner()");
  if (run.owner.size() > longest_owner || !is_plain_utf8(run.owner)) {
    refuse_record(id, "the owner of the run is not that of a lease; give lease::owner()");
  }
  if (run.took.count() < 0 || run.took > longest_time) {
    refuse_record(id, "the run took " + std::to_string(run.took.count()) + " ms; give 0 ms to a year");
  }
}

}  // namespace

std::vector<past_run> client::history(const std::string& id) const {
  (void)checked_id(id);
  return core().history(id);
}

void client::record(const std::string& id, const past_run& run, std::chrono::milliseconds timeout) {
  (void)checked_id(id);
  check_run(id, run);
  if (timeout.count() <= 0) {
    refuse_record(id, "the timeout is " + std::to_string(timeout.count()) + " ms; it must be positive");
  }
  core().record(id, run, std::min(timeout, longest_time).count());
}

}  // namespace dlock
