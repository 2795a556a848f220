#include "timestamp.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <ctime>

namespace dlock::cli {

std::string iso(std::chrono::system_clock::time_point at) {
  at = std::max(at, std::chrono::system_clock::time_point::min() + std::chrono::seconds(1));  // floor would overflow
  const auto whole = std::chrono::floor<std::chrono::seconds>(at);
  const auto rest = std::chrono::floor<std::chrono::milliseconds>(at - whole);
  const std::time_t seconds = std::chrono::system_clock::to_time_t(whole);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 32> date{};
  const std::size_t size = std::strftime(date.data(), date.size(), "%FT%T", &utc);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(rest.count()));
  return std::string(date.data(), size) + fraction.data();
}

std::string span(std::chrono::system_clock::duration time) {
  time = std::max(time, std::chrono::system_clock::duration::zero());
  const long seconds = std::chrono::floor<std::chrono::seconds>(time).count();
  constexpr long minute = 60;
  constexpr long hour = 60 * minute;
  constexpr long day = 24 * hour;
  std::array<char, 48> text{};
  if (seconds < minute) {
    std::snprintf(text.data(), text.size(), "%lds", seconds);
  } else if (seconds < hour) {
    std::snprintf(text.data(), text.size(), "%ldm%02lds", seconds / minute, seconds % minute);
  } else if (seconds < day) {
    std::snprintf(text.data(), text.size(), "%ldh%02ldm", seconds / hour, seconds % hour / minute);
  } else {
    std::snprintf(text.data(), text.size(), "%ldd%ldh", seconds / day, seconds % day / hour);
  }
  return text.data();
}

}  // namespace dlock::cli
