#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace dlock::cli {

/// One option of a verb. The table of options is the only source: parsing, errors and the help text come from it.
struct option {
  char letter;             ///< 0: no short form.
  const char* name;        ///< Without the dashes.
  const char* alias;       ///< Another long name. Empty: none.
  std::string_view value;  ///< What the help calls the value. Empty: the option is a flag.
  std::string_view help;
  std::function<void(const std::string& value)> take;
  /// The environment variable that gives the value if the option is not given. Empty: none.
  const char* environment = "";
};

/// What is left after the options were removed.
struct operands {
  std::vector<std::string> leading;  ///< At most as many as were asked for.
  std::vector<std::string> rest;     ///< Everything from the next operand on, unchanged.
};

/// Takes options, in any order, until `leading` operands were seen and another operand follows. From that operand on,
/// nothing is parsed, because it belongs to the command (`run job grep -n x`). `leading` may depend on options seen
/// before. `--` ends the options as well. Accepts -n, -w5, -w 5, -nw5, --wait 5 and --wait=5. The word after an option
/// that needs a value is its value, whatever the word looks like. If an option is repeated, the last one wins. Throws
/// failure for an option of `verb` that is unknown, that lacks its value, or that has a value but takes none. Options
/// that were not given are taken from the environment then. For one thread only, because getopt has global variables.
[[nodiscard]] operands parse_arguments(std::string_view verb, const std::vector<option>& options,
                                       const std::vector<std::string>& arguments,
                                       const std::function<std::size_t()>& leading);
[[nodiscard]] operands parse_arguments(std::string_view verb, const std::vector<option>& options,
                                       const std::vector<std::string>& arguments, std::size_t leading);

/// For verbs that have no operands: throws failure if there is one. Its text ends with `advice`.
void refuse_operands(std::string_view verb, const operands& given, std::string_view advice);

/// The help text of the options: one or more lines each.
[[nodiscard]] std::string describe(const std::vector<option>& options);

}  // namespace dlock::cli
