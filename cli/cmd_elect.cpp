#include "verbs.hpp"

#include <unistd.h>

#include <array>
#include <optional>
#include <string>
#include <utility>

#include <dlock/dlock.hpp>

#include "arguments.hpp"
#include "exit_codes.hpp"
#include "fd.hpp"
#include "launch.hpp"
#include "nesting.hpp"
#include "output.hpp"
#include "service_manager.hpp"
#include "session.hpp"
#include "text.hpp"
#include "values.hpp"

namespace dlock::cli {

namespace {

struct raw_elect_options {
  elect_options out;
  command_arguments common{"elect", out};
  std::optional<std::string> value;
};

std::vector<option> option_table(raw_elect_options& raw) {
  return raw.common.table({
      {0, "value", "", "V",
       "what this leader publishes, for example an address. At most\n1,024 bytes. Default: host:pid",
       [&](const std::string& v) { raw.value = v; }},
      {0, "once", "", "", "do not campaign again after a loss. Exit with 123",
       [&](const std::string&) { raw.out.once = true; }},
  });
}

std::string host_and_pid() {
  std::array<char, 65> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host.fill('\0');
  return printable(host.data()) + ":" + std::to_string(getpid());
}

}  // namespace

elect_options parse_elect(const std::vector<std::string>& arguments) {
  raw_elect_options raw;
  elect_options& out = raw.out;
  operands operands = parse_arguments("elect", option_table(raw), arguments, 1);
  if (out.help) return std::move(out);

  if (operands.leading.empty()) throw failure("no ID of an election given; see 'dlock elect --help'");
  out.id = std::move(operands.leading.front());
  check_id(out.id);
  out.value = raw.value ? std::move(*raw.value) : host_and_pid();
  check_utf8("the value of the leader", out.value, longest_note);
  raw.common.finish(std::move(operands.rest));
  return std::move(out);
}

manual elect_manual() {
  raw_elect_options raw;
  return {
      .verb = "elect",
      .operands = "[OPTIONS] ID COMMAND...",
      .summary = "run a command on one host at a time: the elected leader",
      .usages = {"[OPTIONS] ID [--] COMMAND [ARG...]", "[OPTIONS] ID -c STRING"},
      .intro =
          "Campaigns in the election ID. Runs COMMAND while it is the leader. Campaigns again if the leadership is\n"
          "lost. Options may follow ID. All words after COMMAND are its own.\n",
      .options = option_table(raw),
      .notes =
          std::string(help_on_commands) + std::string(help_on_servers) +
          "\n"
          "COMMAND has DLOCK_ID, DLOCK_TOKEN (the fencing token, higher for each leader), DLOCK_OWNER and DLOCK_VALUE\n"
          "in its environment. dlock passes INT, TERM, HUP, QUIT, USR1 and USR2 on to COMMAND. If the leadership is\n"
          "lost, or dlock is killed or frozen, COMMAND and all its descendants get TERM, then KILL. They are gone\n"
          "before anybody else can lead. If COMMAND ends by itself, dlock resigns and ends, too. Use a service "
          "manager\n"
          "to start it again. A signal during the campaign ends dlock as if dlock did not catch it.\n",
      .statuses = {{"COMMAND's own", "COMMAND ended; 128+N if signal N ended it"},
                   {"123", "the leadership was lost, and --once was given or a process of COMMAND could not be ended"},
                   {"125", "dlock itself failed"},
                   {"126, 127", "COMMAND cannot be executed; was not found"}},
  };
}

namespace {

answer campaign(dlock::client& client, const elect_options& options, dlock::wait_options wait) {
  refuse_to_wait_for_oneself(client, options.client, {options.id}, {}, wait);
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

int elect(session& session, const elect_options& options, const service_manager& manager) {
  const std::string lead = "the lead of " + in_quotes(options.id);
  const auto asking = [&](dlock::client& client, dlock::wait_options wait) {
    // The server answers. A candidate that waits is all right: it is there to take over.
    manager.ready("waits for " + lead);
    return campaign(client, options, std::move(wait));
  };
  for (;;) {
    // Once the server was reached, an outage does not mean that the URL is wrong.
    const answer& got = session.acquire({.ask = asking, .limit = {}, .insists = true});
    if (!got.held) throw failure(std::string("unexpected answer: ") + dlock::to_string(got.result));
    manager.status("has " + lead + ", token " + std::to_string(got.held->grants().front().token));
    const ending end = session.run();
    const bool goes_on = !options.once && is_over_and_done(end) && end.told_to_end == 0;
    if (!goes_on) manager.stopping("gives up " + lead);
    const int status = session.conclude(end);
    if (options.once || !is_over_and_done(end)) return status;
    if (end.told_to_end != 0) {  // dlock was told to end, and the command was about to do so
      session.leave();
      die_of(end.told_to_end);
    }
    if (options.verbose) remark("campaigning for " + in_quotes(options.id) + " again");
  }
}

}  // namespace

int cmd_elect(const std::vector<std::string>& arguments, process_title title) {
  const elect_options options = parse_elect(arguments);
  if (options.help) return print_and_return(exit_ok, help_text(elect_manual()));
  fill_standard_streams();
  const service_manager manager(true);
  session session(options, {.ids = {options.id},
                            .what = "the lead of " + in_quotes(options.id),
                            .environment = {"DLOCK_VALUE=" + options.value},
                            .many_terms = !options.once,
                            .at_least = {},
                            .title = title});
  int status = exit_failed;
  try {
    status = elect(session, options, manager);
  } catch (const std::exception& problem) {
    complain(problem.what());
  }
  session.leave();
  _exit(status);
}

}  // namespace dlock::cli
