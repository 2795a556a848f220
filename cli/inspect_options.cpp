#include "inspect_options.hpp"

#include <utility>

#include "arguments.hpp"
#include "lock_id.hpp"
#include "number.hpp"
#include "text.hpp"

namespace dlock::cli {

namespace {

/// The verb's own options, then those of the connection.
std::vector<option> with_connection(std::vector<option> table, connection_arguments& connection, bool& help) {
  for (option& each : connection.table()) table.push_back(std::move(each));
  table.push_back({'h', "help", "", "", "print this and exit", [&](const std::string&) { help = true; }});
  return table;
}

std::vector<option> option_table(ls_options& out, connection_arguments& connection) {
  return with_connection(
      {{0, "prefix", "", "P", "only those whose ID begins with P", [&](const std::string& v) { out.prefix = v; }},
       {'a', "all", "", "", "also those that nobody holds or waits for", [&](const std::string&) { out.all = true; }},
       {0, "json", "", "", "for programs: an array", [&](const std::string&) { out.json = true; }}},
      connection, out.help);
}

std::vector<option> option_table(show_options& out, connection_arguments& connection) {
  return with_connection({{0, "json", "", "", "for programs: an object", [&](const std::string&) { out.json = true; }}},
                         connection, out.help);
}

/// The same, and what is looked at in the end only.
std::vector<option> option_table(release_options& out, bool& force, connection_arguments& connection) {
  constexpr std::int64_t most_token = (std::int64_t{1} << 53) - 1;
  return with_connection(
      {{0, "force", "", "", "take it off its holders; required", [&](const std::string&) { force = true; }},
       {0, "token", "", "T", "only off the holder with this token (dlock show)",
        [&](const std::string& v) { out.token = parse_number("--token", v, "a fencing token", 1, most_token); }},
       {0, "now", "", "", "UNSAFE: pass the lock on at once, also while its holder\ngoes on",
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
         "Lists the locks that are held or waited for: who holds them, since when, until when, with what token, and\n"
         "how many wait.\n"
         "\n" +
         describe(option_table(out, connection)) + "\n" + std::string(help_on_servers) +
         "\n"
         "Of several holders the first is shown; 'dlock show ID' tells all. Each lock is as it was when it was read.\n"
         "\n"
         "Exit status: 0, also if there are none; 125 dlock itself failed.\n";
}

std::string show_help() {
  show_options out;
  connection_arguments connection(out);
  return "Usage: dlock show [OPTIONS] ID\n"
         "\n"
         "Shows the lock ID: all who hold it and all who wait, in the order in which they will be served.\n"
         "\n" +
         describe(option_table(out, connection)) + "\n" + std::string(help_on_servers) +
         "\n"
         "Exit status: 0; 1 there is no such lock, never used or swept after its last use: it is free (null with\n"
         "--json); 125 dlock itself failed.\n";
}

std::string release_help() {
  release_options out;
  bool force = false;
  connection_arguments connection(out);
  return "Usage: dlock release --force [OPTIONS] ID\n"
         "\n"
         "For the person on call: takes the lock ID off its holders. They are told at once that they have lost it (a\n"
         "'dlock run' ends its command, status 123), and the lock passes on when they let go, at the latest when\n"
         "their leases end. On a terminal dlock shows the holders and asks first.\n"
         "\n" +
         describe(option_table(out, force, connection)) + "\n" + std::string(help_on_servers) +
         "\n"
         "What --at-least only keeps taken passes on at once. A mongo-dlock (node) client that holds the lock cannot "
         "be\n"
         "told, and keeps it.\n"
         "\n"
         "Exit status: 0 it was taken off somebody; 1 there was nobody, or you said no; 125 dlock itself failed.\n";
}

}  // namespace dlock::cli
