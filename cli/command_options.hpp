#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connection.hpp"

namespace dlock::cli {

/// What the verbs that run a command have in common.
struct command_options : connection_options {
  std::vector<std::string> command;      ///< The shell and its -c, with -c.
  std::chrono::milliseconds kill_after;  ///< Between TERM and KILL.
  bool help = false;                     ///< Only this was asked; nothing else is filled in.
};

/// The arguments of those options as they are typed; what depends on several of them is worked out at the end.
class command_arguments {
 public:
  command_arguments(std::string_view verb, command_options& out);

  /// What they are called and do: those of the verb itself first, the server's after them. The table must not outlive
  /// this.
  [[nodiscard]] std::vector<option> table(std::vector<option> of_the_verb);

  /// Once all are taken; `rest` is COMMAND. Throws failure. Looks at SHELL.
  void finish(std::vector<std::string> rest);

 private:
  std::string verb_;
  command_options& out_;
  connection_arguments connection_;
  std::optional<std::string> shell_;
  std::optional<std::chrono::milliseconds> kill_after_;
};

/// What the helps of those verbs say alike.
inline constexpr std::string_view help_on_commands = "A duration is a number with a unit: 500ms, 5s, 2m, 1h30m, 1d.\n";

}  // namespace dlock::cli
