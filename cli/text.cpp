#include "text.hpp"

#include <poll.h>
#include <unistd.h>
#include <array>
#include <cstdio>

#include "secrets.hpp"

namespace dlock::cli {

namespace {

void write_line(std::string_view line) {
  const std::string text = "dlock: " + printable(line) + "\n";
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (written <= 0) return;  // nobody reads stderr any more
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

std::string name_of_client(std::string_view said) {
  return said.empty() ? "somebody" : printable(said);
}

std::string in_quotes(std::string_view text) {
  return "'" + printable(without_secrets(text)) + "'";
}

std::string quoted_input(std::string_view text) {
  return "'" + printable(without_any_secret(text)) + "'";
}

std::string in_seconds(std::chrono::duration<double> duration) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3f", duration.count());
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
