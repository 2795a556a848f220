#include "number.hpp"

#include <charconv>

#include "text.hpp"

namespace dlock::cli {

std::int64_t parse_number(std::string_view option, const std::string& text, std::string_view what, std::int64_t least,
                          std::int64_t most) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || value < least || value > most) {
    throw failure(std::string(option) + " " + quoted_input(text) + " is not " + std::string(what) +
                  "; write a number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return value;
}

}  // namespace dlock::cli
