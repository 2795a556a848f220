#include "server_url.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "fd.hpp"
#include "text.hpp"

namespace dlock::cli {

namespace {

[[noreturn]] void refuse_file(const std::string& path, const std::string& why) {
  throw failure("cannot use " + quoted(path) + " as --url-file: " + why);
}

std::string read_url(const std::string& path) {
  const unique_fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string url;
  std::array<char, 4096> buffer{};
  ssize_t size = file ? 1 : -1;
  while (size > 0 && url.size() < 64 * buffer.size()) {
    size = read(file.get(), buffer.data(), buffer.size());
    if (size > 0) url.append(buffer.data(), static_cast<std::size_t>(size));
  }
  if (size < 0) refuse_file(path, std::strerror(errno));
  while (url.ends_with('\n') || url.ends_with('\r')) url.pop_back();
  if (url.empty()) refuse_file(path, "it is empty; it should hold the server's URL");
  if (url.find_first_of(std::string_view("\n\r\0", 3)) != std::string::npos) {
    refuse_file(path, "it has more than one line; it should hold the server's URL only");
  }
  return url;
}

}  // namespace

bool has_password(std::string_view url) {
  const std::size_t scheme = url.find("://");  // none: malformed, but a password all the same
  const std::string_view rest = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
  // The last @ counts: people forget to escape one, or a slash, in the password itself.
  const std::size_t at = rest.substr(0, rest.find('?')).rfind('@');
  const std::size_t colon = rest.find(':');
  if (at != std::string_view::npos && colon < at && colon + 1 < at) return true;

  std::string lower(rest);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const std::string_view secret : {"password=", "aws_session_token:"}) {
    if (lower.find(secret) != std::string::npos) return true;
  }
  return false;
}

std::optional<std::string> choose_url(const std::optional<std::string>& url, const std::optional<std::string>& url_file,
                                      const char* environment) {
  if (url && url_file) throw failure("--url and --url-file exclude each other; give one of them");
  if (url) {
    if (url->empty()) throw failure("--url is empty; write for example mongodb://localhost:27017");
    if (has_password(*url)) {
      throw failure(
          "--url contains a password, which 'ps' shows to every user of this machine; put the URL into a file "
          "(--url-file FILE) or into the environment (DLOCK_URL)");
    }
    return url;
  }
  if (url_file) return read_url(*url_file);
  if (environment == nullptr) return std::nullopt;
  if (*environment == '\0') throw failure("DLOCK_URL is empty; set it to the server's URL or unset it");
  return environment;
}

}  // namespace dlock::cli
