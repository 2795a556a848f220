#include "server_url.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstring>

#include "fd.hpp"
#include "secrets.hpp"
#include "text.hpp"

namespace dlock::cli {

namespace {

[[noreturn]] void refuse_file(const std::string& path, const std::string& why) {
  throw failure("cannot use " + quoted_input(path) + " as --url-file: " + why);
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
  explicit_bzero(buffer.data(), buffer.size());
  if (size < 0) refuse_file(path, std::strerror(errno));
  while (url.ends_with('\n') || url.ends_with('\r')) url.pop_back();
  if (url.empty()) refuse_file(path, "it is empty; it should hold the server's URL");
  if (url.find_first_of(std::string_view("\n\r\0", 3)) != std::string::npos) {
    refuse_file(path, "it has more than one line; it should hold the server's URL only");
  }
  return url;
}

}  // namespace

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
