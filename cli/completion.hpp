#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "manual.hpp"

namespace dlock::cli {

/// What a shell may put in place of the word at the cursor.
struct completion {
  enum class kind {
    words,    ///< One of `words`.
    ids,      ///< A lock that exists, whose id begins with `prefix`.
    files,    ///< A file.
    command,  ///< What the shell itself makes of the words from `command_at` on.
  };
  struct word {
    std::string text;
    std::string about;  ///< One line, or empty.
    friend bool operator==(const word&, const word&) = default;
  };

  kind what = kind::words;
  std::vector<word> words;
  std::string prefix;
  std::string before;          ///< The part of the word that comes before the value: "--id=".
  std::size_t command_at = 0;  ///< 0 is the word after "dlock".
  /// The options for the server that the line has so far, as arguments.
  std::vector<std::string> of_the_server;
};

/// `line`: the words after "dlock", without quotes. The last one is the word at the cursor, and may be empty.
[[nodiscard]] completion complete(const std::vector<manual>& verbs, const std::vector<std::string>& line);

/// What a shell reads at its start to complete the words of dlock: it asks `dlock completion words -- WORD...` for
/// each. Empty: there is none for this shell.
[[nodiscard]] std::string_view script_for(std::string_view shell);

/// The shells that script_for() knows.
[[nodiscard]] std::vector<std::string_view> known_shells();

}  // namespace dlock::cli
