#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arguments.hpp"
#include "verbs.hpp"

namespace dlock::cli {

/// The options that say which locks are taken, how, and how long to wait for them. finish() computes what depends on
/// several of them.
class lock_arguments {
 public:
  /// `runs_a_command`: the verb has a COMMAND. Otherwise it is dlock hold, for a script.
  lock_arguments(run_options& out, bool runs_a_command);

  /// The table of options. It must not outlive this object.
  [[nodiscard]] std::vector<option> table();

  /// Call it after all options were taken. `leading`: the operand ID, if there is one. Throws failure.
  void finish(std::string_view verb, std::vector<std::string> leading);

 private:
  run_options& out_;
  bool runs_a_command_;
  bool shared_ = false;
  bool exclusive_ = false;
  std::optional<std::int64_t> permits_;
  std::optional<std::int64_t> take_;
};

}  // namespace dlock::cli
