#include "cmd_run.hpp"

#include <unistd.h>
#include <utility>

#include <dlock/dlock.hpp>

#include "exit_codes.hpp"
#include "fd.hpp"
#include "nesting.hpp"
#include "output.hpp"
#include "run_options.hpp"
#include "session.hpp"
#include "text.hpp"

namespace dlock::cli {

namespace {

dlock::claim claim_on(dlock::client& client, const std::string& id, const run_options& options) {
  switch (options.mode) {
    case dlock::lock_mode::exclusive:
      return dlock::mutex(client, id);
    case dlock::lock_mode::shared:
      return dlock::shared_mutex(client, id).shared();
    case dlock::lock_mode::permits:
      break;
  }
  return dlock::semaphore(client, id, options.permits).take(options.take);
}

answer ask(dlock::client& client, const run_options& options, dlock::wait_options wait) {
  refuse_to_wait_for_oneself(client, options.ids, {.mode = options.mode, .take = options.take}, wait);
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

int run(session& session, const run_options& options) {
  const auto asking = [&](dlock::client& client, dlock::wait_options wait) {
    return ask(client, options, std::move(wait));
  };
  const answer& got = session.acquire({.ask = asking, .limit = options.wait});
  return got.held ? session.conclude(session.run()) : not_acquired(got, options, session);
}

}  // namespace

int cmd_run(const std::vector<std::string>& arguments, process_title title) {
  const run_options options = parse_run(arguments);
  if (options.help) return print_and_return(exit_ok, run_help());
  fill_standard_streams();
  session session(options, {.ids = options.ids,
                            .what = (options.ids.size() > 1 ? "one of the locks " : "the lock ") + names(options.ids),
                            .environment = {},
                            .at_least = options.at_least,
                            .title = title});
  int status = exit_failed;
  try {
    status = run(session, options);
  } catch (const std::exception& problem) {
    complain(problem.what());
  }
  session.leave();
  _exit(status);
}

}  // namespace dlock::cli
