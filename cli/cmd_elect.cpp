#include "cmd_elect.hpp"

#include <unistd.h>
#include <utility>

#include <dlock/dlock.hpp>

#include "elect_options.hpp"
#include "exit_codes.hpp"
#include "fd.hpp"
#include "launch.hpp"
#include "nesting.hpp"
#include "output.hpp"
#include "session.hpp"
#include "text.hpp"

namespace dlock::cli {

namespace {

answer campaign(dlock::client& client, const elect_options& options, dlock::wait_options wait) {
  refuse_to_wait_for_oneself(client, {options.id}, {}, wait);
  dlock::election election(client, options.id);  // each term has a new candidate
  dlock::acquisition got = election.campaign(options.value, std::move(wait));
  return {.result = got.result(),
          .held = got ? hold(std::move(*got)) : nullptr,
          .in_the_way = options.id,
          .holder = got.holder()};
}

/// Whether the lead is lost and no process of this term is left. Only then may another term begin.
bool is_over_and_done(const ending& end) {
  if (end.what == ending::kind::not_executed) return end.number == too_late;
  return end.what == ending::kind::lost && end.number == 0 && !end.guardless;
}

int elect(session& session, const elect_options& options) {
  const auto asking = [&](dlock::client& client, dlock::wait_options wait) {
    return campaign(client, options, std::move(wait));
  };
  for (;;) {
    // Once the server was reached, an outage does not mean that the URL is wrong.
    const answer& got = session.acquire({.ask = asking, .limit = {}, .insists = true});
    if (!got.held) throw failure(std::string("unexpected answer: ") + dlock::to_string(got.result));
    const ending end = session.run();
    const int status = session.conclude(end);
    if (options.once || !is_over_and_done(end)) return status;
    if (end.told_to_end != 0) {  // dlock was told to end, and the command was about to do so
      session.leave();
      die_of(end.told_to_end);
    }
    if (options.verbose) remark("campaigning again");
  }
}

}  // namespace

int cmd_elect(const std::vector<std::string>& arguments, process_title title) {
  const elect_options options = parse_elect(arguments);
  if (options.help) return print_and_return(exit_ok, elect_help());
  fill_standard_streams();
  session session(options, {.ids = {options.id},
                            .what = "the lead of " + in_quotes(options.id),
                            .environment = {"DLOCK_VALUE=" + options.value},
                            .many_terms = !options.once,
                            .at_least = {},
                            .title = title});
  int status = exit_failed;
  try {
    status = elect(session, options);
  } catch (const std::exception& problem) {
    complain(problem.what());
  }
  session.leave();
  _exit(status);
}

}  // namespace dlock::cli
