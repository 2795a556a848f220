#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace dlock::cli {

/// One option of a verb. The table of them is all there is to know: parsing, errors and the help text come from it.
struct option {
  char letter;             ///< 0: none.
  const char* name;        ///< Without the dashes.
  const char* alias;       ///< Another long name; empty: none.
  std::string_view value;  ///< What the help calls the value; empty: a flag.
  std::string_view help;
  std::function<void(const std::string& value)> take;
};

/// What is left when the options are taken out.
struct operands {
  std::vector<std::string> leading;  ///< Up to the number asked for.
  std::vector<std::string> rest;     ///< Everything from the next operand on, untouched.
};

/// Takes options, in any order, until `leading` operands were seen and another one follows: from there on nothing is
/// ours (`run job grep -n x`). How many those are may depend on options seen before. `--` ends the options as well.
/// Knows -n, -w5, -w 5, -nw5, --wait 5 and --wait=5; the word after an option that needs a value is its value whatever
/// it looks like. Of a repeated option, the last wins. Throws failure for an option of `verb` that is unknown, lacks
/// its value, or has one it does not take. For one thread only: getopt has global variables.
[[nodiscard]] operands parse_arguments(std::string_view verb, const std::vector<option>& options,
                                       const std::vector<std::string>& arguments,
                                       const std::function<std::size_t()>& leading);
[[nodiscard]] operands parse_arguments(std::string_view verb, const std::vector<option>& options,
                                       const std::vector<std::string>& arguments, std::size_t leading);

/// The options, one or more lines each.
[[nodiscard]] std::string describe(const std::vector<option>& options);

}  // namespace dlock::cli
