#include "command_options.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "arguments.hpp"
#include "text.hpp"
#include "values.hpp"

namespace dlock::cli {

namespace {

using std::chrono::milliseconds;

dlock::expiry parse_expiry(std::string_view option, const std::string& text) {
  if (text == "clock") return dlock::expiry::server_clock;
  if (text == "observed") return dlock::expiry::observed;
  throw failure(std::string(option) + " " + quoted_input(text) + " is neither clock nor observed");
}

milliseconds choose_kill_after(std::optional<milliseconds> asked, milliseconds ttl) {
  if (!asked) return std::min(ttl / 4, milliseconds(5000));
  if (*asked * 2 >= ttl) {
    throw failure("--kill-after " + in_seconds(*asked) + " is half of the TTL (" + in_seconds(ttl) +
                  ") or more, too much to take from inside the lease; give less, or raise --ttl");
  }
  return *asked;
}

std::vector<std::string> choose_command(const std::string& verb, const std::optional<std::string>& shell_command,
                                        std::vector<std::string> rest) {
  if (!shell_command) {
    if (rest.empty()) throw failure("no COMMAND to run; see 'dlock " + verb + " --help'");
    if (rest.front().empty()) throw failure("the name of COMMAND is empty; give a program");
    return rest;
  }
  if (!rest.empty())
    throw failure("-c and a COMMAND (" + quoted_input(rest.front()) + ") exclude each other; give one of them");
  const char* const variable = std::getenv("SHELL");
  const std::string shell = variable != nullptr && *variable != '\0' ? variable : "/bin/sh";
  const std::string name = shell.substr(shell.rfind('/') + 1);
  if (name == "nologin" || name == "false" || name == "true") {
    throw failure("-c runs its STRING with $SHELL, and " + quoted_input(shell) +
                  " runs nothing: this user has no login; set SHELL=/bin/sh");
  }
  return {shell, "-c", *shell_command};
}

}  // namespace

command_arguments::command_arguments(std::string_view verb, command_options& out, bool runs_a_command)
    : verb_(verb), out_(out), runs_a_command_(runs_a_command), connection_(out) {
  out.client.exp_delta = std::chrono::seconds(30);
}

std::vector<option> command_arguments::table(std::vector<option> of_the_verb) {
  dlock::client_options& client = out_.client;
  std::vector<option> first = std::move(of_the_verb);
  const std::vector<option> of_all{
      {0, "ttl", "exp_delta", "DURATION",
       "lease time: if dlock dies, the lock becomes free after it.\nThe lease renews itself. Default: $DLOCK_TTL, or "
       "30s,\nlonger than an election",
       [&](const std::string& v) { client.exp_delta = parse_duration("--ttl", v); }, "DLOCK_TTL"},
      {0, "kill-after", "", "DURATION",
       "time between TERM and KILL when the lock is lost; part of\nthe lease time. Default: TTL/4, at most 5s",
       [&](const std::string& v) { kill_after_ = parse_duration("--kill-after", v); }},
  };
  first.insert(first.end(), of_all.begin(), of_all.end());
  if (runs_a_command_) {
    first.push_back({'c', "shell", "", "STRING", "run STRING with $SHELL (or /bin/sh) instead of COMMAND",
                     [&](const std::string& v) { shell_ = v; }});
  }
  std::vector<option> last{
      {0, "autorefresh", "", "BOOL", "renew the lease while the lock is held. Default: true",
       [&](const std::string& v) { client.autorefresh = parse_bool("--autorefresh", v); }},
      {0, "wait_lock_period", "", "DURATION", "while waiting, poll the lock at least this often.\nDefault: 5s",
       [&](const std::string& v) { client.wait_lock_period = parse_duration("--wait_lock_period", v); }},
      {0, "clock_skew", "", "DURATION", "maximum clock difference between members of the replica\nset. Default: 500ms",
       [&](const std::string& v) {
         client.clock_skew = parse_duration("--clock_skew", v, {.bare_seconds = false, .zero = true});
       }},
      {0, "expiry", "", "HOW",
       "how a lease expires: 'clock', by the server's clock, or\n'observed', if a waiter sees no renewal for the lease "
       "time.\nAll users of a lock must agree. Default: clock",
       [&](const std::string& v) { client.expiry = parse_expiry("--expiry", v); }},
  };
  return connection_.table(std::move(first), std::move(last));
}

void command_arguments::finish(std::vector<std::string> rest) {
  if (runs_a_command_) {
    out_.command = choose_command(verb_, shell_, std::move(rest));
  } else if (!rest.empty()) {
    throw failure("dlock " + verb_ + " runs no command, so " + quoted_input(rest.front()) +
                  " is one word too many; 'dlock run' runs one");
  }
  // Checked before the kill-after that is computed from it: the user knows the TTL and can correct it.
  if (out_.client.exp_delta < milliseconds(200)) {
    throw failure("--ttl " + in_seconds(out_.client.exp_delta) + " is too short; the least is 200ms");
  }
  out_.kill_after = choose_kill_after(kill_after_, out_.client.exp_delta);
  connection_.finish();
}

}  // namespace dlock::cli
