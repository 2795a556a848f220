#include "lock_question.hpp"

#include <string>
#include <utility>
#include <vector>

#include "nesting.hpp"
#include "text.hpp"

namespace dlock::cli {

namespace {

dlock::claim claim_on(dlock::client& client, const std::string& id, const run_options& options) {
  // What follows in a script may count on the lock being free.
  dlock::lock_options lock{.id = id, .durable_release = true, .note = options.note};
  switch (options.mode) {
    case dlock::lock_mode::exclusive:
      return dlock::mutex(client, std::move(lock));
    case dlock::lock_mode::shared:
      return dlock::shared_mutex(client, std::move(lock)).shared();
    case dlock::lock_mode::permits:
      break;
  }
  return dlock::semaphore(client, std::move(lock), options.permits).take(options.take);
}

}  // namespace

answer ask_for_locks(dlock::client& client, const run_options& options, dlock::wait_options wait) {
  refuse_to_wait_for_oneself(client, options.client, options.ids, {.mode = options.mode, .take = options.take}, wait);
  std::vector<dlock::claim> claims;
  for (const std::string& id : options.ids) claims.push_back(claim_on(client, id, options));
  dlock::joint_acquisition got = dlock::acquire_all(claims, std::move(wait));
  return {.result = got.result(),
          .held = got ? hold(std::move(*got)) : nullptr,
          .in_the_way = got.id(),
          .holder = got.holder()};
}

int not_acquired(const answer& got, const run_options& options, const session& session) {
  if (got.result != dlock::outcome::busy && got.result != dlock::outcome::timed_out) {
    throw failure(std::string("unexpected answer: ") + dlock::to_string(got.result));
  }
  if (options.verbose) {
    const std::string& id = got.in_the_way.empty() ? options.ids.front() : got.in_the_way;
    remark(in_quotes(id) + " is taken" + (got.holder ? " by " + describe(*got.holder) : "") + "; gave up after " +
           in_seconds(session.waited()));
  }
  return options.conflict_exit_code;
}

}  // namespace dlock::cli
