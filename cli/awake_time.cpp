#include "awake_time.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>

namespace dlock::cli {

awake_time::awake_time() : file_(open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)) {}

std::optional<awake_count> awake_time::read() const {
  if (!file_) return std::nullopt;
  std::array<char, 100> text{};
  const ssize_t size = pread(file_.get(), text.data(), text.size(), 0);
  if (size <= 0) return std::nullopt;
  return parse_awake_time({text.data(), static_cast<std::size_t>(size)});
}

/// Parses "RAN WAITED SLICES", both times in ns. All numbers are 0 if the kernel does not count. Otherwise RAN is above
/// 0, because the read itself takes time.
std::optional<awake_count> parse_awake_time(std::string_view text) {
  std::array<std::int64_t, 3> numbers{};
  const char* next = text.data();
  const char* const end = next + text.size();
  for (auto& number : numbers) {
    if (next != text.data() && (next == end || *next++ != ' ')) return std::nullopt;
    const auto [stop, error] = std::from_chars(next, end, number);
    if (error != std::errc() || number < 0) return std::nullopt;
    next = stop;
  }
  const auto [ran, waited, slices] = numbers;
  if (ran == 0) return std::nullopt;
  return awake_count{std::chrono::nanoseconds(ran + waited), slices};
}

}  // namespace dlock::cli
