#include "connection.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "fd.hpp"
#include "secrets.hpp"
#include "text.hpp"
#include "values.hpp"

namespace dlock::cli {

namespace {

using std::chrono::milliseconds;

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

constexpr milliseconds shortest_contact{100};  // the range that the library accepts
constexpr milliseconds longest_contact = std::chrono::hours(24 * 365);

milliseconds parse_connect_timeout(const std::string& text) {
  const milliseconds time = parse_duration("--connect-timeout", text, {.bare_seconds = true});
  if (time < shortest_contact) {
    throw failure("--connect-timeout " + quoted_input(text) + " is too short; the least is 100ms");
  }
  return std::min(time, longest_contact);
}

std::chrono::seconds parse_grace(const std::string& text) {
  const milliseconds grace = parse_duration("--grace", text, {.bare_seconds = true});
  if (grace.count() % 1000 != 0) throw failure("--grace " + quoted_input(text) + " is not a whole number of seconds");
  return std::chrono::duration_cast<std::chrono::seconds>(grace);
}

std::string parse_notif_url(const std::string& text) {
  if (has_password(text)) {
    throw failure(
        "--notif_url contains a password, which 'ps' shows to every user of this machine; leave it out: without "
        "--notif_url the server and credentials of --url-file or DLOCK_URL are used");
  }
  return text;
}

void log_to_stderr(dlock::log_level level, std::string_view message) {
  if (level >= dlock::log_level::info) remark(message);
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

std::vector<option> connection_arguments::table(std::vector<option> first, std::vector<option> last) {
  dlock::client_options& client = out_.client;
  std::vector<option> table = std::move(first);
  const std::vector<option> of_the_server{
      {'v', "verbose", "", "", "report progress on stderr",
       [&](const std::string&) {
         out_.verbose = true;
         client.log = log_to_stderr;
       }},
      {0, "url", "", "URL", "MongoDB connection string, without a password.\nDefault: mongodb://localhost:27017",
       [&](const std::string& v) { out_.url = v; }},
      {0, "url-file", "", "FILE", "read the URL from FILE", [&](const std::string& v) { out_.url_file = v; }},
      {0, "connect-timeout", "connect_timeout", "SECONDS",
       "limit for the first contact with the server; 500ms and 2m\nwork, too. Default: 30",
       [&](const std::string& v) { out_.connect_timeout = parse_connect_timeout(v); }},
      {0, "db", "", "NAME", "database of the locks. Default: $DLOCK_DB, or dlocks",
       [&](const std::string& v) { client.db = v; }, "DLOCK_DB"},
      {0, "coll", "", "NAME", "collection of the locks. Default: $DLOCK_COLL, or dlocks",
       [&](const std::string& v) { client.coll = v; }, "DLOCK_COLL"},
      {0, "notif_url", "", "URL",
       "server and database of the notifications.\nDefault: the same server, mongo_dlock_notif",
       [&](const std::string& v) { client.notif_url = parse_notif_url(v); }},
      {0, "notif_channel", "", "NAME", "collection of the notifications.\nDefault: mongo_dlock_notif",
       [&](const std::string& v) { client.notif_channel = v; }},
      {0, "grace", "", "SECONDS", "keep a lock's document this long after the lock's end.\nDefault: 60",
       [&](const std::string& v) { client.grace = parse_grace(v); }},
  };
  table.insert(table.end(), of_the_server.begin(), of_the_server.end());
  table.insert(table.end(), last.begin(), last.end());
  table.push_back({'h', "help", "", "", "print this help and exit", [&](const std::string&) { out_.help = true; }});
  return table;
}

void connection_arguments::finish() {
  const char* const environment = std::getenv("DLOCK_URL");
  if (out_.url_file || (environment != nullptr && has_password(environment))) prctl(PR_SET_DUMPABLE, 0);
}

dlock::client_options connection_options::client_with_url(std::optional<boot_clock::time_point> deadline) const {
  dlock::client_options all = client;
  if (auto chosen = choose_url(url, url_file, std::getenv("DLOCK_URL"))) all.url = std::move(*chosen);
  if (connect_timeout) all.connect_timeout = *connect_timeout;
  // The first request is part of the first contact: a primary may die right after it was found.
  all.operation_timeout = std::clamp<milliseconds>(all.connect_timeout, all.operation_timeout, std::chrono::hours(1));
  if (deadline) {
    const auto left = std::chrono::ceil<milliseconds>(*deadline - boot_clock::now());
    all.connect_timeout = std::clamp(left, shortest_contact, connect_timeout.value_or(longest_contact));
  }
  return all;
}

}  // namespace dlock::cli
