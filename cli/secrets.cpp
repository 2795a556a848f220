#include "secrets.hpp"

#include "util/secret_options.hpp"

namespace dlock::cli {

namespace {

constexpr std::string_view scheme_end = "://";
constexpr auto npos = std::string_view::npos;

}  // namespace

bool has_password(std::string_view url) {
  const std::size_t scheme = url.find(scheme_end);  // none: malformed, but a password all the same
  const std::string_view rest = scheme == npos ? url : url.substr(scheme + scheme_end.size());
  // The last @ counts: people forget to escape one, or a slash, in the password itself.
  const std::size_t at = rest.substr(0, rest.find('?')).rfind('@');
  const std::size_t colon = rest.find(':');
  if (at != npos && colon < at && colon + 1 < at) return true;
  return find_secret_option(rest) != npos;
}

std::string without_secrets(std::string_view text) {
  const std::size_t scheme = text.find(scheme_end);
  if (scheme == npos) return std::string(text);
  const std::size_t secret = find_secret_option(text.substr(scheme));
  std::string out(text.substr(0, secret == npos ? npos : scheme + secret));
  if (out.size() < text.size()) out += "***";
  const std::size_t begin = scheme + scheme_end.size();
  const std::size_t at = out.rfind('@');
  if (at != std::string::npos && at >= begin) out.replace(begin, at - begin, "***");
  return out;
}

std::string without_any_secret(std::string_view text) {
  const std::size_t at = text.rfind('@');
  const bool credentials = at != npos && text.find(':') < at;
  if (text.find(scheme_end) == npos && (credentials || find_secret_option(text) != npos)) return "***";
  return without_secrets(text);
}

}  // namespace dlock::cli
