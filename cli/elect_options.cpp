#include "elect_options.hpp"

#include <unistd.h>
#include <array>
#include <optional>
#include <utility>

#include "arguments.hpp"
#include "lock_id.hpp"
#include "text.hpp"

namespace dlock::cli {

namespace {

struct raw_options {
  elect_options out;
  command_arguments common{"elect", out};
  std::optional<std::string> value;
};

std::vector<option> option_table(raw_options& raw) {
  return raw.common.table({
      {0, "value", "", "V", "what others see of this leader, an address, say: at most\n1,024 bytes. Default: host:pid",
       [&](const std::string& v) { raw.value = v; }},
      {0, "once", "", "", "do not campaign again after a loss: exit with 123",
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
  raw_options raw;
  elect_options& out = raw.out;
  operands operands = parse_arguments("elect", option_table(raw), arguments, 1);
  if (out.help) return std::move(out);

  if (operands.leading.empty()) throw failure("no ID of an election given; see 'dlock elect --help'");
  out.id = std::move(operands.leading.front());
  check_id(out.id);
  out.value = raw.value ? std::move(*raw.value) : host_and_pid();
  check_utf8("the value of the leader", out.value, 1024);
  raw.common.finish(std::move(operands.rest));
  return std::move(out);
}

std::string elect_help() {
  raw_options raw;
  return "Usage: dlock elect [OPTIONS] ID [--] COMMAND [ARG...]\n"
         "       dlock elect [OPTIONS] ID -c STRING\n"
         "\n"
         "Campaigns in the election ID, runs COMMAND while it is the leader, and campaigns again when that is lost.\n"
         "Options may follow ID; from COMMAND on nothing is dlock's.\n"
         "\n" +
         describe(option_table(raw)) + "\n" + std::string(help_on_commands) + std::string(help_on_servers) +
         "\n"
         "COMMAND finds DLOCK_ID, DLOCK_TOKEN (the fencing token, which rises from leader to leader), DLOCK_OWNER and\n"
         "DLOCK_VALUE in its environment. INT, TERM, HUP, QUIT, USR1 and USR2 are passed on to it. When the lead is\n"
         "lost, or dlock is killed or frozen, COMMAND and all that it started get TERM, then KILL, and are gone "
         "before\n"
         "anybody else can lead. When COMMAND ends by itself, dlock resigns and ends, too: what should run for ever\n"
         "needs somebody who starts dlock again.\n"
         "\n"
         "Exit status: COMMAND's own; 128+N if signal N killed it; 123 the lead was lost and --once was given, or\n"
         "something of COMMAND's could not be ended; 125 dlock itself failed; 126 COMMAND cannot be executed; 127 it\n"
         "was not found. A signal while it campaigns ends dlock as if it were not caught.\n";
}

}  // namespace dlock::cli
