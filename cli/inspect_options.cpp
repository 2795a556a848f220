#include "inspect_options.hpp"

#include <utility>

#include "arguments.hpp"
#include "lock_id.hpp"
#include "number.hpp"
#include "text.hpp"

namespace dlock::cli {

namespace {

/// The options of the verb, then those of the connection.
std::vector<option> with_connection(std::vector<option> table, connection_arguments& connection, bool& help) {
  for (option& each : connection.table()) table.push_back(std::move(each));
  table.push_back({'h', "help", "", "", "print this help and exit", [&](const std::string&) { help = true; }});
  return table;
}

std::vector<option> option_table(ls_options& out, connection_arguments& connection) {
  return with_connection(
      {{0, "prefix", "", "P", "only locks whose ID begins with P", [&](const std::string& v) { out.prefix = v; }},
       {'a', "all", "", "", "also locks that nobody holds or waits for", [&](const std::string&) { out.all = true; }},
       {0, "json", "", "", "print a JSON array", [&](const std::string&) { out.json = true; }}},
      connection, out.help);
}

std::vector<option> option_table(show_options& out, connection_arguments& connection) {
  return with_connection({{0, "json", "", "", "print a JSON object", [&](const std::string&) { out.json = true; }}},
                         connection, out.help);
}

/// The same. `force` is checked only at the end.
std::vector<option> option_table(release_options& out, bool& force, connection_arguments& connection) {
  constexpr std::int64_t most_token = (std::int64_t{1} << 53) - 1;
  return with_connection(
      {{0, "force", "", "", "required: confirms that the holders shall lose the lock",
        [&](const std::string&) { force = true; }},
       {0, "token", "", "T", "revoke only the holder with this token (see dlock show)",
        [&](const std::string& v) { out.token = parse_number("--token", v, "a fencing token", 1, most_token); }},
       {0, "now", "", "", "UNSAFE: pass the lock on at once, even if its holder still\nworks",
        [&](const std::string&) { out.now = true; }},
       {'y', "yes", "", "", "do not ask", [&](const std::string&) { out.yes = true; }}},
      connection, out.help);
}

std::string take_id(std::string_view verb, std::vector<std::string> given) {
  if (given.empty()) throw failure("no ID of a lock given; see 'dlock " + std::string(verb) + " --help'");
  if (given.size() > 1) {
    throw failure("one ID at a time; " + quoted_input(given[1]) + " is one too many");
  }
  check_id(given.front());
  return std::move(given.front());
}

}  // namespace

ls_options parse_ls(const std::vector<std::string>& arguments) {
  ls_options out;
  connection_arguments connection(out);
  const operands operands = parse_arguments("ls", option_table(out, connection), arguments, 0);
  if (out.help) return out;
  if (!operands.rest.empty()) {
    throw failure("'dlock ls' takes no operand such as " + quoted_input(operands.rest.front()) +
                  "; use --prefix, or 'dlock show' for one lock");
  }
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

release_options parse_release(const std::vector<std::string>& arguments) {
  release_options out;
  bool force = false;
  connection_arguments connection(out);
  operands operands = parse_arguments("release", option_table(out, force, connection), arguments, SIZE_MAX);
  if (out.help) return out;
  out.id = take_id("release", std::move(operands.leading));
  if (!force) {
    throw failure(
        "only its holder releases a lock ('dlock run' does when its command ends); --force takes it off its holders, "
        "see 'dlock release --help'");
  }
  connection.finish();
  return out;
}

std::string ls_help() {
  ls_options out;
  connection_arguments connection(out);
  return "Usage: dlock ls [OPTIONS]\n"
         "\n"
         "Lists the locks that are held or waited for: holder, since when, until when, token, number of waiters.\n"
         "\n" +
         describe(option_table(out, connection)) + "\n" + std::string(help_on_servers) +
         "\n"
         "If a lock has several holders, the first one is shown. 'dlock show ID' shows all. dlock reads the locks one\n"
         "after the other, not at one instant.\n"
         "\n"
         "Exit status: 0, also if there is no lock; 125 if dlock itself failed.\n";
}

std::string show_help() {
  show_options out;
  connection_arguments connection(out);
  return "Usage: dlock show [OPTIONS] ID\n"
         "\n"
         "Shows the lock ID: all holders, and all waiters in the order of the queue.\n"
         "\n" +
         describe(option_table(out, connection)) + "\n" + std::string(help_on_servers) +
         "\n"
         "Exit status: 0; 1 if there is no such lock: it was never used, or it was removed some time after its last "
         "use\n"
         "(--json prints null); 125 if dlock itself failed.\n";
}

std::string release_help() {
  release_options out;
  bool force = false;
  connection_arguments connection(out);
  return "Usage: dlock release --force [OPTIONS] ID\n"
         "\n"
         "Revokes the lock ID, for the person on call. The holders are told at once that they have lost it; a 'dlock\n"
         "run' ends its command with status 123. The lock passes on when they have let go, at the latest when their\n"
         "leases end. On a terminal dlock shows the holders and asks first.\n"
         "\n" +
         describe(option_table(out, force, connection)) + "\n" + std::string(help_on_servers) +
         "\n"
         "A lock that only --at-least keeps taken passes on at once. A mongo-dlock (Node.js) client that holds the "
         "lock\n"
         "cannot be told, and keeps it.\n"
         "\n"
         "Exit status: 0 if a holder was revoked; 1 if there was none, or you said no; 125 if dlock itself failed.\n";
}

}  // namespace dlock::cli
