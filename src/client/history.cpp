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

void check_run(const past_run& run) {
  const auto refuse_run = [](const std::string& why) { throw error(errc::invalid_argument, "record: the run " + why); };
  constexpr std::size_t longest_owner = 200;
  if (run.owner.empty()) refuse_run("has no owner; give lease::owner()");
  if (run.owner.size() > longest_owner || !is_plain_utf8(run.owner)) refuse_run("has an owner that is not of a lease");
  if (run.took.count() < 0 || run.took > longest_time) refuse_run("took less than 0 ms or more than a year");
}

}  // namespace

std::vector<past_run> client::history(const std::string& id) const {
  (void)checked_id(id);
  return core().history(id);
}

void client::record(const std::string& id, const past_run& run, std::chrono::milliseconds timeout) {
  (void)checked_id(id);
  check_run(run);
  if (timeout.count() <= 0) throw error(errc::invalid_argument, "record: the timeout must be positive");
  core().record(id, run, std::min(timeout, longest_time).count());
}

}  // namespace dlock
