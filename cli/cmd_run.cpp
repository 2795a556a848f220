#include "verbs.hpp"

#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include <dlock/dlock.hpp>

#include "arguments.hpp"
#include "exit_codes.hpp"
#include "fd.hpp"
#include "nesting.hpp"
#include "output.hpp"
#include "session.hpp"
#include "text.hpp"
#include "values.hpp"

namespace dlock::cli {

namespace {

using std::chrono::milliseconds;

constexpr std::int64_t most_permits = 1'000'000;
constexpr std::size_t most_ids = 100;  // limited, because what the command gets to know of them goes through a pipe

/// The arguments as they were typed. What depends on several of them is computed at the end.
struct raw_options {
  run_options out;
  command_arguments common{"run", out};
  bool shared = false;
  bool exclusive = false;
  std::optional<std::int64_t> permits;
  std::optional<std::int64_t> take;
};

/// Checked here: the library would refuse too long a time only after the command has run.
milliseconds parse_at_least(const std::string& text) {
  const milliseconds time = parse_duration("--at-least", text);
  constexpr milliseconds year = std::chrono::hours(24 * 365);
  if (time > year) throw failure("--at-least " + quoted_input(text) + " is too long; the most is a year (8760h)");
  return time;
}

std::vector<option> option_table(raw_options& raw) {
  run_options& out = raw.out;
  return raw.common.table({
      {0, "id", "", "ID",
       "a lock. Repeat it to hold several locks together, all or\nnone. COMMAND is then the first operand",
       [&](const std::string& v) { out.ids.push_back(v); }},
      {'s', "shared", "", "", "hold the lock together with others that use -s",
       [&](const std::string&) { raw.shared = true; }},
      {'x', "exclusive", "", "", "hold the lock alone. The default", [&](const std::string&) { raw.exclusive = true; }},
      {0, "permits", "", "N", "the lock is a semaphore with N permits. All users must\ngive the same N",
       [&](const std::string& v) {
         raw.permits = parse_number("--permits", v, "a number of permits", 1, most_permits);
       }},
      {0, "take", "", "K", "take K of the N permits. Default: 1",
       [&](const std::string& v) { raw.take = parse_number("--take", v, "a number of permits", 1, most_permits); }},
      {'n', "nonblock", "", "",
       "do not wait. Exit with 124 if others hold the lock, with\n125 if the server does not answer within 5 s",
       [&](const std::string&) { out.wait = milliseconds(0); }},
      {'w', "wait", "timeout", "SECONDS",
       "wait at most this long for the lock and the server. Then exit\nwith 124 if others hold the lock, with 125 if "
       "the "
       "server\ndoes not answer. 500ms and 2m work, too; 0 means -n.\nDefault: wait without limit",
       [&](const std::string& v) { out.wait = parse_duration("--wait", v, {.bare_seconds = true, .zero = true}); }},
      {'E', "conflict-exit-code", "", "N", "exit with N instead of 124 (0 to 255)",
       [&](const std::string& v) {
         out.conflict_exit_code = static_cast<int>(parse_number("--conflict-exit-code", v, "an exit status", 0, 255));
       }},
      {0, "at-least", "", "DURATION",
       "keep the lock taken this long after its grant, even if\nthe command ends sooner. dlock itself does not wait",
       [&](const std::string& v) { out.at_least = parse_at_least(v); }},
  });
}

void choose_mode(const raw_options& raw, run_options& out) {
  if (raw.shared && raw.exclusive) throw failure("-s and -x exclude each other; give one of them");
  if (raw.permits && (raw.shared || raw.exclusive)) {
    throw failure(std::string(raw.shared ? "-s" : "-x") +
                  " and --permits exclude each other: a lock is either shared and exclusive or a semaphore");
  }
  if (raw.take && !raw.permits) throw failure("--take needs --permits: how many there are to take from");
  if (raw.shared) out.mode = dlock::lock_mode::shared;
  if (!raw.permits) return;
  out.mode = dlock::lock_mode::permits;
  out.permits = *raw.permits;
  out.take = raw.take.value_or(1);
  if (out.take > out.permits) {
    throw failure("--take " + std::to_string(out.take) + " is more than there are (--permits " +
                  std::to_string(out.permits) + ")");
  }
}

void check_ids(const std::vector<std::string>& ids) {
  std::set<std::string> seen;
  for (const std::string& id : ids) {
    check_id(id);
    if (!seen.insert(id).second) throw failure("--id " + in_quotes(id) + " was given twice; give each lock once");
  }
  if (ids.size() > most_ids) {
    throw failure("--id was given " + std::to_string(ids.size()) + " times; the most is " + std::to_string(most_ids));
  }
}

}  // namespace

run_options parse_run(const std::vector<std::string>& arguments) {
  raw_options raw;
  run_options& out = raw.out;
  out.conflict_exit_code = exit_not_acquired;
  operands operands =
      parse_arguments("run", option_table(raw), arguments, [&] { return out.ids.empty() ? std::size_t{1} : 0; });
  if (out.help) return std::move(out);

  if (!operands.leading.empty() && !out.ids.empty()) {
    throw failure("the ID " + quoted_input(operands.leading.front()) +
                  " and --id exclude each other; name each lock with --id, before COMMAND");
  }
  if (!operands.leading.empty()) out.ids.push_back(std::move(operands.leading.front()));
  if (out.ids.empty()) throw failure("no ID of a lock given; see 'dlock run --help'");
  check_ids(out.ids);
  choose_mode(raw, out);
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
          "-s, -x, --permits and --take apply to each of the locks.\n"
          "\n"
          "dlock passes INT, TERM, HUP, QUIT, USR1 and USR2 on to COMMAND. If the lock is lost, or dlock is killed or\n"
          "frozen, COMMAND and all its descendants get TERM, then KILL. They are gone before anybody else can get the\n"
          "lock. dlock cannot end processes that another service started for COMMAND (sudo, docker, systemd-run, at).\n"
          "If COMMAND ends normally, dlock leaves its background processes alone. They do not keep the lock.\n",
      .statuses = {{"COMMAND's own", "COMMAND ended; 128+N if signal N ended it"},
                   {"123", "the lock was lost while COMMAND ran"},
                   {"124, or -E", "others hold the lock"},
                   {"125", "dlock itself failed"},
                   {"126, 127", "COMMAND cannot be executed; was not found"}},
  };
}

namespace {

dlock::claim claim_on(dlock::client& client, const std::string& id, const run_options& options) {
  // What follows in a script may count on the lock being free.
  dlock::lock_options lock{.id = id, .durable_release = true};
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
  if (options.help) return print_and_return(exit_ok, help_text(run_manual()));
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
