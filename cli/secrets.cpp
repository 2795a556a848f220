#include "secrets.hpp"

#include "util/secret_options.hpp"

namespace dlock::cli {

namespace {

constexpr std::string_view scheme_end = "://";
constexpr auto npos = std::string_view::npos;

/// The position of the :// that ends the text's own scheme: no other colon is before it. In u:p@mongodb://h, the ://
/// comes after the password, so it does not count.
std::size_t find_own_scheme(std::string_view text) {
  const std::size_t scheme = text.find(scheme_end);
  return scheme == text.find(':') ? scheme : npos;
}

}  // namespace

bool has_password(std::string_view url) {
  const std::size_t scheme = find_own_scheme(url);  // npos: malformed, but it may still contain a password
  const std::string_view rest = scheme == npos ? url : url.substr(scheme + scheme_end.size());
  // The last @ counts, because people forget to escape an @ or a slash in the password itself.
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
  const std::size_t begin = scheme + scheme_end.size();
  if (out.size() < text.size()) {
    // There is an @ after the option. It may end malformed credentials, and then the password is before the option.
    if (text.rfind('@') > out.size() && text.rfind('@') != npos) out.resize(begin);
    out += "***";
  }
  const std::size_t at = out.rfind('@');
  if (at != std::string::npos && at >= begin) out.replace(begin, at - begin, "***");
  return out;
}

std::string without_any_secret(std::string_view text) {
  const std::size_t at = text.rfind('@');
  const bool credentials = at != npos && text.find(':') < at;
  if (find_own_scheme(text) == npos && (credentials || find_secret_option(text) != npos)) return "***";
  return without_secrets(text);
}

}  // namespace dlock::cli
