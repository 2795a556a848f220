#include "verbs.hpp"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include <dlock/client.hpp>
#include <dlock/error.hpp>

#include "arguments.hpp"
#include "exit_codes.hpp"
#include "fd.hpp"
#include "lock_json.hpp"
#include "lock_table.hpp"
#include "output.hpp"
#include "text.hpp"
#include "values.hpp"

// These verbs only read and hold nothing, so a signal may end them at any time. They end by _exit, because the
// destructors of the driver take half a second.

namespace dlock::cli {

namespace {

std::vector<option> option_table(ls_options& out, connection_arguments& connection) {
  return connection.table(
      {{0, "prefix", "", "P", "only locks whose ID begins with P", [&](const std::string& v) { out.prefix = v; }},
       {'a', "all", "", "", "also locks that nobody holds or waits for", [&](const std::string&) { out.all = true; }},
       {0, "json", "", "", "print a JSON array", [&](const std::string&) { out.json = true; }}});
}

std::vector<option> option_table(show_options& out, connection_arguments& connection) {
  return connection.table({{0, "json", "", "", "print a JSON object", [&](const std::string&) { out.json = true; }}});
}

/// The history is a collection of its own, and who may see the locks need not see that.
std::vector<dlock::past_run> history_of(const dlock::client& client, const show_options& options) {
  try {
    return client.history(options.id);
  } catch (const dlock::error& problem) {
    if (options.verbose) remark(problem.what());
    return {};
  }
}

}  // namespace

ls_options parse_ls(const std::vector<std::string>& arguments) {
  ls_options out;
  connection_arguments connection(out);
  const operands operands = parse_arguments("ls", option_table(out, connection), arguments, 0);
  if (out.help) return out;
  refuse_operands("ls", operands, "use --prefix, or 'dlock show' for one lock");
  check_utf8("the prefix", out.prefix, 1000);
  connection.finish();
  return out;
}

show_options parse_show(const std::vector<std::string>& arguments) {
  show_options out;
  connection_arguments connection(out);
  operands operands = parse_arguments("show", option_table(out, connection), arguments, SIZE_MAX);
  if (out.help) return out;
  out.id = take_id("show", std::move(operands.leading));
  connection.finish();
  return out;
}

manual ls_manual() {
  ls_options out;
  connection_arguments connection(out);
  return {
      .verb = "ls",
      .operands = "[OPTIONS]",
      .summary = "list the locks that are held or waited for",
      .usages = {"[OPTIONS]"},
      .intro =
          "Lists the locks that are held or waited for: holder, since when, until when, token, number of waiters.\n",
      .options = option_table(out, connection),
      .notes =
          std::string(help_on_servers) +
          "\n"
          "If a lock has several holders, the first one is shown. 'dlock show ID' shows all. dlock reads the locks\n"
          "one after the other, not at one instant.\n",
      .statuses = {{"0", "the locks were listed, or there is none"}, {"125", "dlock itself failed"}},
  };
}

manual show_manual() {
  show_options out;
  connection_arguments connection(out);
  return {
      .verb = "show",
      .operands = "[OPTIONS] ID",
      .summary = "show a lock: its holders, its waiters, what ran lately",
      .usages = {"[OPTIONS] ID"},
      .intro =
          "Shows the lock ID: all holders, all waiters in the order of the queue, and what 'dlock run' ran under it "
          "lately.\n",
      .options = option_table(out, connection),
      .notes = std::string(help_on_servers) +
               "\n"
               "There is no such lock if it was never used, or if it was removed some time after its last use. Its\n"
               "history stays for 90 days after the last run. --json prints null if there is neither.\n",
      .statuses = {{"0", "the lock was shown"}, {"1", "there is no such lock"}, {"125", "dlock itself failed"}},
  };
}

int cmd_ls(const std::vector<std::string>& arguments, process_title) {
  const ls_options options = parse_ls(arguments);
  if (options.help) return print_and_return(exit_ok, help_text(ls_manual()));
  fill_standard_streams();
  const dlock::client client(options.client_with_url());
  std::vector<dlock::lock_state> locks = client.list(options.prefix);
  if (!options.all) std::erase_if(locks, [](const dlock::lock_state& lock) { return !is_in_use(lock); });
  if (options.json) _exit(print_and_return(exit_ok, locks_json(locks)));
  if (!locks.empty()) _exit(print_and_return(exit_ok, lock_table(locks)));
  complain("there is no lock" + (options.prefix.empty() ? "" : " whose ID begins with " + in_quotes(options.prefix)) +
           (options.all ? "" : " that is held or waited for"));
  _exit(exit_ok);
}

int cmd_show(const std::vector<std::string>& arguments, process_title) {
  const show_options options = parse_show(arguments);
  if (options.help) return print_and_return(exit_ok, help_text(show_manual()));
  fill_standard_streams();
  const dlock::client client(options.client_with_url());
  std::optional<dlock::lock_state> lock = client.inspect(options.id);
  const std::vector<dlock::past_run> runs = history_of(client, options);
  const int status = lock ? exit_ok : exit_nothing;
  if (options.json) {
    // To a program, a lock that was swept is the same as one that is free.
    if (!lock && !runs.empty()) lock = dlock::lock_state{.id = options.id, .at = runs.front().ended + runs.front().ago};
    _exit(print_and_return(status, lock_json(lock, runs)));
  }
  std::string text = lock ? lock_description(*lock) : "";
  if (!runs.empty()) text += (lock ? "\nLast runs:\n" : "Last runs:\n") + history_table(runs);
  if (!lock)
    complain("there is no lock " + in_quotes(options.id) + ": it is free (never used, or swept after its last use)");
  _exit(text.empty() ? status : print_and_return(status, text));
}

}  // namespace dlock::cli
