#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connection.hpp"

namespace dlock::cli {

/// The options that all verbs that run a command have. `dlock hold` has them, too, although it runs none.
struct command_options : connection_options {
  std::vector<std::string> command;  ///< With -c: the shell, -c and the command line. dlock hold: the script's name.
  std::chrono::milliseconds kill_after;  ///< The time between TERM and KILL.
};

/// The arguments of these options as they were typed. finish() computes what depends on several of them.
class command_arguments {
 public:
  /// `runs_a_command`: otherwise there is no -c, and finish() takes no COMMAND.
  command_arguments(std::string_view verb, command_options& out, bool runs_a_command = true);

  /// The table of options: first those of the verb itself, then those of the server. The table must not outlive this
  /// object.
  [[nodiscard]] std::vector<option> table(std::vector<option> of_the_verb);

  /// Call it after all options were taken. `rest` is COMMAND. Throws failure. Reads SHELL.
  void finish(std::vector<std::string> rest);

 private:
  std::string verb_;
  command_options& out_;
  bool runs_a_command_;
  connection_arguments connection_;
  std::optional<std::string> shell_;
  std::optional<std::chrono::milliseconds> kill_after_;
};

/// The part that the help texts of these verbs share.
inline constexpr std::string_view help_on_commands = "A duration is a number with a unit: 500ms, 5s, 2m, 1h30m, 1d.\n";

}  // namespace dlock::cli
