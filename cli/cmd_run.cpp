#include "verbs.hpp"

#include <unistd.h>

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

namespace dlock::cli {

namespace {

/// The arguments as they were typed. What depends on several of them is computed at the end.
struct raw_options {
  run_options out;
  command_arguments common{"run", out};
  lock_arguments locks{out, true};
};

std::vector<option> option_table(raw_options& raw) {
  return raw.common.table(raw.locks.table());
}

}  // namespace

run_options parse_run(const std::vector<std::string>& arguments) {
  raw_options raw;
  run_options& out = raw.out;
  operands operands =
      parse_arguments("run", option_table(raw), arguments, [&] { return out.ids.empty() ? std::size_t{1} : 0; });
  if (out.help) return std::move(out);

  raw.locks.finish("run", std::move(operands.leading));
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

int run(session& session, const run_options& options) {
  const auto asking = [&](dlock::client& client, dlock::wait_options wait) {
    return ask_for_locks(client, options, std::move(wait));
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
