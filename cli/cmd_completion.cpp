#include <sys/time.h>
#include <unistd.h>
#include <csignal>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include <dlock/client.hpp>
#include <dlock/error.hpp>

#include "completion.hpp"
#include "exit_codes.hpp"
#include "output.hpp"
#include "text.hpp"
#include "values.hpp"
#include "verbs.hpp"

namespace dlock::cli {

namespace {

using std::chrono::milliseconds;

constexpr std::string_view for_the_scripts = "words";
/// Somebody has pressed Tab, and waits. Half a second with the start of the process.
constexpr milliseconds usual_patience{400};
constexpr const char* timeout_variable = "DLOCK_COMPLETION_TIMEOUT";
constexpr std::size_t most_words = 1000;

std::vector<option> option_table(bool& help) {
  return {{'h', "help", "", "", "print this help and exit", [&](const std::string&) { help = true; }}};
}

milliseconds patience() {
  const char* const asked = std::getenv(timeout_variable);
  if (asked == nullptr) return usual_patience;
  return std::clamp<milliseconds>(parse_duration(timeout_variable, asked), milliseconds(100), std::chrono::minutes(1));
}

/// Without a word the process ends after `patience`, whatever it does then.
void limit_time(milliseconds patience) {
  std::signal(SIGALRM, [](int) { _exit(exit_ok); });
  const itimerval once{.it_interval = {},
                       .it_value = {.tv_sec = patience.count() / 1000, .tv_usec = patience.count() % 1000 * 1000}};
  setitimer(ITIMER_REAL, &once, nullptr);
}

/// The locks that there are. Throws if the server is away.
std::vector<completion::word> ids(const completion& what, milliseconds patience) {
  connection_options options;
  connection_arguments connection(options);
  const auto table = connection.table({});
  (void)parse_arguments("completion", table, what.of_the_server, 0);
  connection.finish();
  options.connect_timeout = patience;
  std::vector<completion::word> out;
  auto& client = *new dlock::client(options.client_with_url());  // stays: the driver takes half a second to end
  for (const dlock::lock_state& lock : client.list(what.prefix)) {
    if (printable(lock.id) == lock.id && out.size() < most_words) out.push_back({lock.id, ""});
  }
  return out;
}

std::string lines(const completion& what, milliseconds patience) {
  if (what.what == completion::kind::files) return ":files\n";
  if (what.what == completion::kind::command) return ":command " + std::to_string(what.command_at + 1) + "\n";
  std::string out;
  for (const completion::word& each : what.what == completion::kind::ids ? ids(what, patience) : what.words) {
    out += what.before + each.text + "\t" + each.about + "\n";
  }
  return out;
}

/// A shell that asks wants words or silence: a message would be in the middle of what somebody types.
[[noreturn]] void print_words(const std::vector<std::string>& line) {
  try {
    const milliseconds time = patience();
    limit_time(time);
    (void)write_out(lines(complete(all_manuals(), line), time));
  } catch (const std::exception&) {
    // no server, no right, no such option
  }
  _exit(exit_ok);
}

}  // namespace

manual completion_manual() {
  bool help = false;
  return {
      .verb = "completion",
      .operands = "bash|zsh|fish",
      .summary = "print a script for the completion of dlock's words in a shell",
      .usages = {"bash|zsh|fish"},
      .intro =
          "Prints a script that makes the shell complete verbs, options, lock IDs and the words of COMMAND. The "
          "packages\n"
          "install it. By hand:\n"
          "\n"
          "  bash   source <(dlock completion bash)        # in ~/.bashrc; needs the package bash-completion\n"
          "  zsh    source <(dlock completion zsh)         # in ~/.zshrc, after compinit\n"
          "  fish   dlock completion fish | source         # in ~/.config/fish/config.fish\n",
      .options = option_table(help),
      .notes =
          "Lock IDs come from the server that the line or the environment names. If it does not answer within half a\n"
          "second, none are offered.\n",
      .statuses = {{"0", "the script was printed"}, {"125", "dlock itself failed"}},
  };
}

int cmd_completion(const std::vector<std::string>& arguments, process_title) {
  bool help = false;
  const operands operands = parse_arguments("completion", option_table(help), arguments, 1);
  if (help) return print_and_return(exit_ok, help_text(completion_manual()));
  if (operands.leading.empty()) throw failure("no shell given: bash, zsh or fish; see 'dlock completion --help'");
  const std::string& shell = operands.leading.front();
  if (shell == for_the_scripts) print_words(operands.rest);
  const std::string_view script = script_for(shell);
  if (script.empty())
    throw failure("there is no completion for " + quoted_input(shell) + ", only for bash, zsh and fish");
  if (!operands.rest.empty()) throw failure("one shell at a time; see 'dlock completion --help'");
  return print_and_return(exit_ok, script);
}

}  // namespace dlock::cli
