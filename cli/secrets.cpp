#include "secrets.hpp"

#include "util/secret_options.hpp"

namespace dlock::cli {

namespace {

constexpr std::string_view scheme_end = "://";
constexpr auto npos = std::string_view::npos;

/// Where the :// of a text's own scheme is: no other colon is before it. In u:p@mongodb://h it is behind the password.
std::size_t find_own_scheme(std::string_view text) {
  const std::size_t scheme = text.find(scheme_end);
  return scheme == text.find(':') ? scheme : npos;
}

}  // namespace

bool has_password(std::string_view url) {
  const std::size_t scheme = find_own_scheme(url);  // none: malformed, but a password all the same
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
  const std::size_t begin = scheme + scheme_end.size();
  if (out.size() < text.size()) {
    // An @ behind the option: it may end credentials that are malformed, and then the password is before the option.
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
