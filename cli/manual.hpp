#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arguments.hpp"

namespace dlock::cli {

/// What is written about a verb, once: its help, its manual page and its completions are made from this.
struct manual {
  std::string_view verb;
  std::string_view operands;             ///< As the list of verbs shows them.
  std::string_view summary;              ///< One line for that list, such as "run a command ...".
  std::vector<std::string_view> usages;  ///< Without "dlock VERB".
  std::string_view intro;                ///< Paragraphs, of lines of at most 120 columns.
  std::vector<option> options;           ///< Their take() is not to be called.
  std::string notes;                     ///< As intro.
  /// Exit statuses and what they say.
  std::vector<std::pair<std::string_view, std::string_view>> statuses;
};

/// The text of `dlock VERB --help`.
[[nodiscard]] std::string help_text(const manual& of);

/// The source of the manual page of a verb, for scdoc.
[[nodiscard]] std::string page_source(const manual& of);
/// That of dlock(1).
[[nodiscard]] std::string page_source(const std::vector<manual>& verbs);

/// The text of `dlock --help`.
[[nodiscard]] std::string help_text(const std::vector<manual>& verbs);

}  // namespace dlock::cli
