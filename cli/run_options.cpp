#include "run_options.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "arguments.hpp"
#include "connection.hpp"
#include "duration.hpp"
#include "exit_codes.hpp"
#include "lock_id.hpp"
#include "text.hpp"

namespace dlock::cli {

namespace {

using std::chrono::milliseconds;

/// The arguments as they are typed; what depends on several of them is worked out at the end.
struct raw_options {
  run_options out;
  connection_arguments connection{out};
  std::optional<std::string> shell;
  std::optional<milliseconds> kill_after;
};

bool parse_bool(std::string_view option, const std::string& text) {
  if (text == "true" || text == "yes" || text == "on" || text == "1") return true;
  if (text == "false" || text == "no" || text == "off" || text == "0") return false;
  throw failure(std::string(option) + " " + quoted_input(text) + " is neither true nor false");
}

int parse_exit_code(const std::string& text) {
  int code = -1;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, code);
  if (error != std::errc() || stop != end || code < 0 || code > 255) {
    throw failure("--conflict-exit-code " + quoted_input(text) +
                  " is not an exit status; write a number from 0 to 255");
  }
  return code;
}

std::vector<option> option_table(raw_options& raw) {
  run_options& out = raw.out;
  dlock::client_options& client = out.client;
  std::vector<option> table{
      {'n', "nonblock", "", "", "do not wait: exit with 124 if others hold the lock",
       [&](const std::string&) { out.wait = milliseconds(0); }},
      {'w', "wait", "timeout", "SECONDS",
       "wait at most so long, then exit with 124; also 500ms, 2m;\n0 means -n. Default: wait for ever",
       [&](const std::string& v) { out.wait = parse_duration("--wait", v, {.bare_seconds = true, .zero = true}); }},
      {'E', "conflict-exit-code", "", "N", "exit with N instead of 124 (0 to 255)",
       [&](const std::string& v) { out.conflict_exit_code = parse_exit_code(v); }},
      {0, "ttl", "exp_delta", "DURATION",
       "how long the lock outlives a dlock that died; renewed all\nthe time. Default: 30s, more than an election takes",
       [&](const std::string& v) { client.exp_delta = parse_duration("--ttl", v); }},
      {0, "at-least", "", "DURATION",
       "keep the lock taken that long from its grant even if the\ncommand ends sooner; dlock itself does not wait",
       [&](const std::string& v) { out.at_least = parse_duration("--at-least", v); }},
      {0, "kill-after", "", "DURATION",
       "between TERM and KILL when the lock is lost, taken from\ninside the lease. Default: TTL/4, at most 5s",
       [&](const std::string& v) { raw.kill_after = parse_duration("--kill-after", v); }},
      {'c', "shell", "", "STRING", "run STRING with $SHELL (or /bin/sh) instead of COMMAND",
       [&](const std::string& v) { raw.shell = v; }},
  };
  for (option& each : raw.connection.table()) table.push_back(std::move(each));
  const std::vector<option> rest{
      {0, "autorefresh", "", "BOOL", "renew the lock while the command runs. Default: true",
       [&](const std::string& v) { client.autorefresh = parse_bool("--autorefresh", v); }},
      {0, "wait_lock_period", "", "DURATION", "longest time between two looks while waiting. Default: 5s",
       [&](const std::string& v) { client.wait_lock_period = parse_duration("--wait_lock_period", v); }},
      {0, "clock_skew", "", "DURATION", "how far the servers' clocks may differ. Default: 500ms",
       [&](const std::string& v) {
         client.clock_skew = parse_duration("--clock_skew", v, {.bare_seconds = false, .zero = true});
       }},
      {'h', "help", "", "", "print this and exit", [&](const std::string&) { out.help = true; }},
  };
  table.insert(table.end(), rest.begin(), rest.end());
  return table;
}

milliseconds choose_kill_after(std::optional<milliseconds> asked, milliseconds ttl) {
  if (!asked) return std::min(ttl / 4, milliseconds(5000));
  if (*asked * 2 >= ttl) {
    throw failure("--kill-after " + in_seconds(*asked) + " is half of the TTL (" + in_seconds(ttl) +
                  ") or more, too much to take from inside the lease; give less, or raise --ttl");
  }
  return *asked;
}

std::vector<std::string> choose_command(const std::optional<std::string>& shell_command,
                                        std::vector<std::string> rest) {
  if (!shell_command) {
    if (rest.empty()) throw failure("no COMMAND to run; see 'dlock run --help'");
    if (rest.front().empty()) throw failure("the name of COMMAND is empty");
    return rest;
  }
  if (!rest.empty())
    throw failure("-c and a COMMAND (" + quoted_input(rest.front()) + ") exclude each other; give one of them");
  const char* const shell = std::getenv("SHELL");
  return {shell != nullptr && *shell != '\0' ? shell : "/bin/sh", "-c", *shell_command};
}

}  // namespace

run_options parse_run(const std::vector<std::string>& arguments) {
  raw_options raw;
  run_options& out = raw.out;
  out.client.exp_delta = std::chrono::seconds(30);
  out.conflict_exit_code = exit_not_acquired;
  operands operands = parse_arguments("run", option_table(raw), arguments, 1);
  if (out.help) return std::move(out);

  if (operands.leading.empty()) throw failure("no ID of a lock given; see 'dlock run --help'");
  out.id = std::move(operands.leading.front());
  check_id(out.id);
  out.command = choose_command(raw.shell, std::move(operands.rest));
  // Before the kill-after that follows from it: the TTL is what the user can see and mend.
  if (out.client.exp_delta < milliseconds(200)) {
    throw failure("--ttl " + in_seconds(out.client.exp_delta) + " is too short; the least is 200ms");
  }
  out.kill_after = choose_kill_after(raw.kill_after, out.client.exp_delta);
  raw.connection.finish();
  return std::move(out);
}

std::string run_help() {
  raw_options raw;
  return "Usage: dlock run [OPTIONS] ID [--] COMMAND [ARG...]\n"
         "       dlock run [OPTIONS] ID -c STRING\n"
         "\n"
         "Runs COMMAND while holding the lock ID. Options may follow ID; from COMMAND on nothing is dlock's.\n"
         "\n" +
         describe(option_table(raw)) +
         "\n"
         "A duration is a number with a unit: 500ms, 5s, 2m, 1h. The server is named by --url, by --url-file or by\n"
         "the environment variable DLOCK_URL; the command line wins.\n"
         "\n"
         "COMMAND finds DLOCK_ID, DLOCK_TOKEN (the fencing token) and DLOCK_OWNER in its environment. INT, TERM, HUP,\n"
         "QUIT, USR1 and USR2 are passed on to it. When the lock is lost, or dlock is killed or frozen, COMMAND and\n"
         "all that it started get TERM, then KILL, and are gone before anybody else can get the lock; processes\n"
         "that it asked others to start (sudo, docker, systemd-run, at) are out of dlock's reach. What a COMMAND that\n"
         "ended normally leaves in the background is left alone and does not keep the lock.\n"
         "\n"
         "Exit status: COMMAND's own; 128+N if signal N killed it; 123 the lock was lost while it ran; 124 (or -E)\n"
         "others hold the lock; 125 dlock itself failed; 126 COMMAND cannot be executed; 127 it was not found.\n";
}

}  // namespace dlock::cli
