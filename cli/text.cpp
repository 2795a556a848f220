#include "text.hpp"

#include <poll.h>
#include <unistd.h>
#include <array>
#include <cstdio>

namespace dlock::cli {

namespace {

void write_line(std::string_view line) {
  std::string text = "dlock: " + std::string(line) + "\n";
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (written <= 0) return;  // nobody left to tell
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      std::array<char, 5> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "\\x%02x", byte);
      out += escaped.data();
    } else {
      out += c;
    }
  }
  return out;
}

std::string quoted(std::string_view text) {
  return "'" + printable(text) + "'";
}

std::string in_seconds(std::chrono::nanoseconds duration) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3f", std::chrono::duration<double>(duration).count());
  std::string out = text.data();
  out.erase(out.find_last_not_of('0') + 1);
  if (out.back() == '.') out.pop_back();
  return out + " s";
}

void complain(std::string_view line) {
  write_line(line);
}

void remark(std::string_view line) {
  pollfd fd{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  if (::poll(&fd, 1, 0) == 1 && (fd.revents & POLLOUT) != 0) write_line(line);
}

}  // namespace dlock::cli
