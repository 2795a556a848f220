#include "text.hpp"

#include <poll.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cstdio>

#include "secrets.hpp"

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

/// C0 and C1 controls, line separators, and what changes the direction of the text that follows.
bool is_treacherous(std::string_view character) {
  if (character.size() == 1) return character[0] < ' ' || character[0] == '\x7f';
  if (character.size() == 2) return character >= "\xc2\x80" && character <= "\xc2\x9f";
  const auto between = [&](const char* first, const char* last) { return character >= first && character <= last; };
  return between("\xe2\x80\x8e", "\xe2\x80\x8f") || between("\xe2\x80\xa8", "\xe2\x80\xae") ||
         between("\xe2\x81\xa6", "\xe2\x81\xa9");
}

}  // namespace

std::size_t utf8_character(std::string_view text) {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : 4;
  if (first < 0xc2 || first > 0xf4) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((at(i) & 0xc0U) != 0x80) return 0;
  }
  // Too long a form, half of a UTF-16 pair, beyond Unicode.
  const bool bad = (first == 0xe0 && at(1) < 0xa0) || (first == 0xed && at(1) >= 0xa0) ||
                   (first == 0xf0 && at(1) < 0x90) || (first == 0xf4 && at(1) >= 0x90);
  return bad ? 0 : size;
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = utf8_character(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(size, 1));
    text.remove_prefix(character.size());
    if (size != 0 && !is_treacherous(character)) {
      out += character;
      continue;
    }
    for (const char c : character) {
      std::array<char, 5> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "\\x%02x", static_cast<unsigned char>(c));
      out += escaped.data();
    }
  }
  return out;
}

std::string name_of_client(std::string_view said) {
  return said.empty() ? "somebody" : printable(said);
}

std::string quoted(std::string_view text) {
  return "'" + printable(without_secrets(text)) + "'";
}

std::string quoted_input(std::string_view text) {
  return "'" + printable(without_any_secret(text)) + "'";
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
