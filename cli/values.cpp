#include "values.hpp"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string>

#include "text.hpp"
#include "util/utf8.hpp"

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

bool parse_bool(std::string_view option, const std::string& text) {
  if (text == "true" || text == "yes" || text == "on" || text == "1") return true;
  if (text == "false" || text == "no" || text == "off" || text == "0") return false;
  throw failure(std::string(option) + " " + quoted_input(text) + " is neither true nor false");
}

namespace {

constexpr std::string_view digits = "0123456789";

[[noreturn]] void refuse(std::string_view option, std::string_view text, const std::string& why) {
  throw failure(std::string(option) + " " + quoted_input(text) + " " + why);
}

/// Milliseconds in one `unit`. 0 if there is no such unit.
double milliseconds_in(std::string_view unit) {
  if (unit == "ms") return 1;
  if (unit == "s") return 1000;
  if (unit == "m") return 60 * 1000;
  if (unit == "h") return 60 * 60 * 1000;
  if (unit == "d") return 24 * 60 * 60 * 1000;
  return 0;
}

}  // namespace

std::chrono::milliseconds parse_duration(std::string_view option, std::string_view text, duration_rules rules) {
  const std::string example =
      rules.bare_seconds ? "write seconds, or a duration such as 500ms, 5s or 2m" : "write for example 500ms, 5s or 2m";
  if (text.starts_with('-')) refuse(option, text, "is negative; " + example);

  // Digits, at most one point, then a unit. strtod also accepts exponents, hexadecimal, "inf" and "nan": these are
  // refused here. More of the same may follow with a smaller unit: 1h30m.
  double value = 0;
  double last = 0;
  std::string_view rest = text;
  do {
    std::size_t end = rest.find_first_not_of(digits);
    if (end != std::string_view::npos && rest[end] == '.') end = rest.find_first_not_of(digits, end + 1);
    const std::string number(rest.substr(0, end));
    if (number.find_first_of(digits) == std::string::npos) refuse(option, text, "is not a duration; " + example);
    rest = end == std::string_view::npos ? "" : rest.substr(end);
    const std::string_view unit = rest.substr(0, rest.find_first_of("0123456789."));
    rest.remove_prefix(unit.size());
    const bool bare = unit.empty() && last == 0 && rest.empty();
    if (bare && !rules.bare_seconds) refuse(option, text, "has no unit; write " + number + "s or " + number + "ms");
    if (unit.empty() && !bare) refuse(option, text, "has no unit behind " + number + "; " + example);
    const double factor = milliseconds_in(bare ? "s" : unit);
    if (factor == 0) refuse(option, text, "has an unknown unit; " + example);
    if (last != 0 && factor >= last) refuse(option, text, "has its units in the wrong order; write for example 1h30m");
    last = factor;
    value += std::strtod(number.c_str(), nullptr) * factor;
  } while (!rest.empty());

  constexpr double ten_years = 10 * 365.25 * 24 * 60 * 60 * 1000;
  if (value > ten_years) refuse(option, text, "is too long; the most is ten years");
  if (value == 0 && !rules.zero) refuse(option, text, "is zero; " + example);
  if (value > 0 && value < 1) refuse(option, text, "is too short; the least is 1ms");
  return std::chrono::milliseconds(std::llround(value));
}

namespace {

std::string with_commas(std::size_t number) {
  std::string out = std::to_string(number);
  if (out.size() > 3) out.insert(out.size() - 3, ",");
  return out;
}

}  // namespace

void check_utf8(std::string_view what, std::string_view text, std::size_t most) {
  const std::string name(what);
  if (text.size() > most) {
    throw failure(name + " has " + std::to_string(text.size()) + " bytes; give one of at most " + with_commas(most));
  }
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t size = utf8_character(rest);
    if (size == 0) throw failure(name + ", " + in_quotes(text) + ", is not valid UTF-8; give another one");
    rest.remove_prefix(size);
  }
}

void check_id(std::string_view id) {
  if (id.empty()) throw failure("the ID of the lock is empty; give it a name");
  check_utf8("the ID of the lock", id, 1000);
}

std::string take_id(std::string_view verb, std::vector<std::string> given) {
  if (given.empty()) throw failure("no ID of a lock given; see 'dlock " + std::string(verb) + " --help'");
  if (given.size() > 1) throw failure("one ID at a time; " + quoted_input(given[1]) + " is one too many");
  check_id(given.front());
  return std::move(given.front());
}

}  // namespace dlock::cli
