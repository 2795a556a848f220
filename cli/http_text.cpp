#include "http_text.hpp"

#include <algorithm>
#include <cctype>

namespace dlock::cli {

namespace {

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_blank) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = digit_of(text[i + 1]), low = digit_of(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_blank) {
      c = ' ';
    }
    if (c == '\0') return std::nullopt;
    out += c;
  }
  return out;
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

}  // namespace

std::optional<http_request> parse_target(std::string_view target) {
  if (!target.starts_with('/')) return std::nullopt;
  const std::size_t mark = std::min(target.find('?'), target.size());
  auto path = percent_decoded(target.substr(0, mark), false);
  if (!path) return std::nullopt;
  http_request out{.path = *std::move(path), .query = {}};
  std::string_view rest = target.substr(std::min(mark + 1, target.size()));
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = percent_decoded(pair.substr(0, equals), true);
    auto value = percent_decoded(pair.substr(std::min(equals + 1, pair.size())), true);
    if (!name || !value) return std::nullopt;
    out.query.emplace(*std::move(name), *std::move(value));
  }
  return out;
}

std::string host_name(std::string_view header) {
  const bool in_brackets = header.starts_with('[');
  const std::size_t end = in_brackets ? header.find(']') : std::min(header.find(':'), header.size());
  if (end == std::string_view::npos) return {};
  const std::string_view name = in_brackets ? header.substr(1, end - 1) : header.substr(0, end);
  std::string_view rest = header.substr(end + (in_brackets ? 1 : 0));
  if (!rest.empty() && (rest.front() != ':' || rest.find_first_not_of("0123456789", 1) != std::string_view::npos))
    return {};
  return lower_case(name);
}

bool is_bearer(std::string_view header, std::string_view token) {
  constexpr std::string_view scheme = "bearer ";
  if (lower_case(header.substr(0, scheme.size())) != scheme) return false;
  const std::string_view given = header.substr(scheme.size());
  volatile unsigned char different = given.size() == token.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const char ours = token.empty() ? '\0' : token[i % token.size()];
    different = static_cast<unsigned char>(different | static_cast<unsigned char>(given[i] ^ ours));
  }
  return different == 0 && !token.empty();
}

}  // namespace dlock::cli
