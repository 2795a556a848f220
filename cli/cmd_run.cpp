#include "verbs.hpp"

#include <unistd.h>

#include <chrono>
#include <optional>
#include <utility>

#include <dlock/dlock.hpp>

#include "arguments.hpp"
#include "exit_codes.hpp"
#include "fd.hpp"
#include "lock_arguments.hpp"
#include "lock_question.hpp"
#include "output.hpp"
#include "session.hpp"
#include "text.hpp"
#include "timestamp.hpp"
#include "values.hpp"

namespace dlock::cli {

namespace {

/// The arguments as they were typed. What depends on several of them is computed at the end.
struct raw_options {
  run_options out;
  command_arguments common{"run", out};
  lock_arguments locks{out, true};
  std::optional<int> done_exit_code;
};

std::vector<option> option_table(raw_options& raw) {
  run_options& out = raw.out;
  std::vector<option> table = raw.locks.table();
  const std::vector<option> of_the_run{
      {0, "at-most", "", "DURATION",
       "end COMMAND and all its descendants if it runs for longer,\nrelease the lock, and exit with 122",
       [&](const std::string& v) { out.at_most = parse_duration("--at-most", v); }},
      {0, "unless-done-within", "", "DURATION",
       "do not run COMMAND if a 'dlock run' of this lock ended with\nstatus 0 within this time. Exit with 0",
       [&](const std::string& v) { out.unless_done_within = parse_duration("--unless-done-within", v); }},
      {0, "done-exit-code", "", "N", "in that case, exit with N instead of 0 (0 to 255)",
       [&](const std::string& v) {
         raw.done_exit_code = static_cast<int>(parse_number("--done-exit-code", v, "an exit status", 0, 255));
       }},
      {0, "history", "", "BOOL", "record the run, for 'dlock show'. Default: true",
       [&](const std::string& v) { out.history = parse_bool("--history", v); }},
  };
  table.insert(table.end(), of_the_run.begin(), of_the_run.end());
  return raw.common.table(std::move(table));
}

void check_history(const raw_options& raw, run_options& out) {
  if (raw.done_exit_code && !out.unless_done_within) throw failure("--done-exit-code needs --unless-done-within");
  out.done_exit_code = raw.done_exit_code.value_or(exit_ok);
  if (!out.unless_done_within) return;
  if (!out.history) throw failure("--unless-done-within needs the history; leave out --history=false");
  if (out.mode != dlock::lock_mode::exclusive) {
    throw failure(std::string("--unless-done-within and ") +
                  (out.mode == dlock::lock_mode::shared ? "-s" : "--permits") +
                  " exclude each other: others could run at the same time");
  }
}

}  // namespace

run_options parse_run(const std::vector<std::string>& arguments) {
  raw_options raw;
  run_options& out = raw.out;
  operands operands =
      parse_arguments("run", option_table(raw), arguments, [&] { return out.ids.empty() ? std::size_t{1} : 0; });
  if (out.help) return std::move(out);

  raw.locks.finish("run", std::move(operands.leading));
  check_history(raw, out);
  raw.common.finish(std::move(operands.rest));
  return std::move(out);
}

manual run_manual() {
  raw_options raw;
  return {
      .verb = "run",
      .operands = "[OPTIONS] ID COMMAND...",
      .summary = "run a command while holding one distributed lock, or several",
      .usages = {"[OPTIONS] ID [--] COMMAND [ARG...]", "[OPTIONS] ID -c STRING",
                 "[OPTIONS] --id ID --id ID... [--] COMMAND [ARG...]"},
      .intro = "Runs COMMAND while it holds the lock ID. Options may follow ID. All words after COMMAND are its own.\n",
      .options = option_table(raw),
      .notes =
          std::string(help_on_commands) + std::string(help_on_servers) +
          "\n"
          "COMMAND has DLOCK_ID, DLOCK_TOKEN (the fencing token) and DLOCK_OWNER in its environment. With several "
          "locks\n"
          "it has DLOCK_ID_1, DLOCK_TOKEN_1, DLOCK_OWNER_1 and so on in the order given, and DLOCK_TOKENS, a list.\n"
          "-s, -x, --permits, --take and --note apply to each of the locks.\n"
          "\n"
          "dlock passes INT, TERM, HUP, QUIT, USR1 and USR2 on to COMMAND. If the lock is lost, or dlock is killed or\n"
          "frozen, COMMAND and all its descendants get TERM, then KILL. They are gone before anybody else can get the\n"
          "lock. dlock cannot end processes that another service started for COMMAND (sudo, docker, systemd-run, at).\n"
          "If COMMAND ends normally, dlock leaves its background processes alone. They do not keep the lock.\n",
      .statuses = {{"COMMAND's own", "COMMAND ended; 128+N if signal N ended it"},
                   {"0, or --done-exit-code", "COMMAND did not run, because of --unless-done-within"},
                   {"122", "COMMAND was ended, because of --at-most"},
                   {"123", "the lock was lost while COMMAND ran"},
                   {"124, or -E", "others hold the lock"},
                   {"125", "dlock itself failed"},
                   {"126, 127", "COMMAND cannot be executed; was not found"}},
  };
}

namespace {

/// When a run of this lock was done within that time: it.
std::optional<dlock::past_run> last_done(const dlock::client& client, const std::string& id,
                                         std::chrono::milliseconds within) {
  for (dlock::past_run& each : client.history(id)) {
    if (each.is_done() && each.ago <= within) return std::move(each);
  }
  return std::nullopt;
}

/// Whether it was done under each of the locks. If not, its begin is recorded. So if the history cannot be read or
/// written, the command does not even start. Throws dlock::error.
bool was_done(dlock::client& client, const holding& held, const run_options& options) {
  std::optional<dlock::past_run> run;
  for (const std::string& id : options.ids) {
    run = last_done(client, id, *options.unless_done_within);
    if (!run) break;
  }
  if (run) {
    if (options.verbose) {
      remark(names(options.ids) + " was done " + span(run->ago) + " ago by " + name_of_client(run->who) +
             "; the command is not run");
    }
    return true;
  }
  for (const grant& each : held.grants()) {
    client.record(each.id, {.owner = each.owner, .token = each.token, .end = dlock::run_end::unknown},
                  client.options().operation_timeout);
  }
  return false;
}

session_setup::recording recording_of(const run_options& options) {
  if (options.unless_done_within) return session_setup::recording::must;
  return options.history ? session_setup::recording::yes : session_setup::recording::no;
}

int run(session& session, const run_options& options) {
  const auto asking = [&](dlock::client& client, dlock::wait_options wait) {
    answer got = ask_for_locks(client, options, std::move(wait));
    got.done = got.held && options.unless_done_within && was_done(client, *got.held, options);
    return got;
  };
  const answer& got = session.acquire({.ask = asking, .limit = options.wait});
  if (!got.held) return not_acquired(got, options, session);
  if (got.done) return session.give_back_unused(options.done_exit_code);
  return session.conclude(session.run());
}

}  // namespace

int cmd_run(const std::vector<std::string>& arguments, process_title title) {
  const run_options options = parse_run(arguments);
  if (options.help) return print_and_return(exit_ok, help_text(run_manual()));
  fill_standard_streams();
  session session(options, {.ids = options.ids,
                            .what = (options.ids.size() > 1 ? "one of the locks " : "the lock ") + names(options.ids),
                            .environment = {},
                            .at_least = options.at_least,
                            .at_most = options.at_most,
                            .history = recording_of(options),
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
