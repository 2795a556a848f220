#include "store/connection_string.hpp"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>

#include <dlock/error.hpp>

#include "util/secret_options.hpp"

namespace dlock {
namespace {

/// The heartbeat period of the driver's monitors, in ms. After a primary has refused a command, the driver asks again
/// who is primary after at most this time. The driver's default of 10 s is as long as a whole election.
constexpr std::int32_t kLongestHeartbeat = 2000;

std::string percent_decoded(std::string_view text) {
  std::string out;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped = text[i] == '%' && i + 2 < text.size() &&
                         std::isxdigit(static_cast<unsigned char>(text[i + 1])) &&
                         std::isxdigit(static_cast<unsigned char>(text[i + 2]));
    out += escaped ? static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])) : text[i];
    if (escaped) i += 2;
  }
  return out;
}

/// All parts of a URL that may be the password. The URL may be malformed. Each part goes from the first ':' after the
/// scheme to one of the '@', because the password itself may contain an '@', and so may the text after the hosts.
/// Better too much text than too little.
std::vector<std::string_view> passwords(std::string_view url) {
  const auto scheme = url.find("://");
  const auto rest = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
  const auto begin = rest.find(':') + 1;
  std::vector<std::string_view> out;
  if (begin == 0) return out;
  for (auto at = rest.find('@', begin); at != std::string_view::npos; at = rest.find('@', at + 1)) {
    out.push_back(rest.substr(begin, at - begin));
  }
  return out;
}

/// The values of the options that are secrets. The URL may be malformed.
std::vector<std::string_view> option_values(std::string_view url) {
  std::vector<std::string_view> out;
  for (auto at = find_secret_option(url); at != std::string_view::npos; at = find_secret_option(url, at)) {
    out.push_back(url.substr(at, url.find_first_of("&,", at) - at));
  }
  return out;
}

/// The text between the scheme and the next slash or question mark: user, password and hosts, if these are escaped.
std::string_view authority(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  return url.substr(scheme + 3, url.find_first_of("/?", scheme + 3) - scheme - 3);
}

/// Whether every @ comes after the hosts. libmongoc 2 takes the text before it for the user, libmongoc 1 does not.
bool has_late_at(std::string_view url) {
  const auto hosts = authority(url);
  if (hosts.empty() || hosts.find('@') != std::string_view::npos) return false;
  return url.find('@', url.find("://") + 3 + hosts.size()) != std::string_view::npos;
}

/// With several @, the driver takes the text after the first one for a host.
bool has_two_ats(const mongoc_uri_t* uri) {
  for (const auto* h = mongoc_uri_get_hosts(uri); h != nullptr; h = h->next) {
    if (std::string_view(h->host).find('@') != std::string_view::npos) return true;
  }
  return false;
}

void limit(mongoc_uri_t* uri, const char* option, std::int32_t at_most) {
  const auto given = mongoc_uri_get_option_as_int32(uri, option, 0);
  mongoc_uri_set_option_as_int32(uri, option, given > 0 ? std::min(given, at_most) : at_most);
}

}  // namespace

redactor::redactor(std::string_view url) {
  auto found = option_values(url);
  for (const auto password : passwords(url)) found.push_back(password);
  for (const auto secret : found) {
    if (secret.empty()) continue;
    secrets_.emplace_back(secret);
    if (auto decoded = percent_decoded(secret); decoded != secret) secrets_.push_back(std::move(decoded));
  }
  // The longest comes first: if one secret begins with another one, replacing the shorter one first would leave the
  // rest of the longer one. Each secret is there only once: a second "*" would turn each "*" of "***" into three.
  std::sort(secrets_.begin(), secrets_.end(),
            [](const auto& a, const auto& b) { return a.size() != b.size() ? a.size() > b.size() : a < b; });
  secrets_.erase(std::unique(secrets_.begin(), secrets_.end()), secrets_.end());
}

std::string redactor::operator()(std::string text) const {
  for (const auto& secret : secrets_) {
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3)) {
      text.replace(at, secret.size(), "***");
    }
  }
  return text;
}

uri_handle parse_connection_string(const std::string& url, const char* option) {
  const auto fail = [&](const std::string& why) {
    throw error(errc::invalid_argument,
                std::string(option) + ": " + why +
                    "; write it as mongodb://[user:password@]host[:port][,...][/database][?options]");
  };
  if (url.empty()) fail("the connection string is empty");
  if (url.find('\0') != std::string::npos) fail("the connection string contains a NUL byte");
  const std::string escape =
      "there is an @ where none belongs; in user, password and options write %40 for @, %3A for :, %2F for /, %3F for "
      "? "
      "and %25 for %";
  const bool late_at = has_late_at(url);
  // If a password contains a slash, the driver takes it for a port and options, and then writes these to its log.
  if (late_at && authority(url).find(':') != std::string_view::npos) fail(escape);
  if (authority(url).ends_with(',')) fail("there is no host behind the last comma");  // libmongoc 2 would accept it
  bson_error_t why;
  uri_handle uri{mongoc_uri_new_with_error(url.c_str(), &why)};
  if (!uri) fail(late_at ? escape : redactor(url)(why.message));
  if (has_two_ats(uri.get())) fail(escape);
  for (const char* name : {MONGOC_URI_TLSCAFILE, MONGOC_URI_TLSCERTIFICATEKEYFILE}) {
    const char* file = mongoc_uri_get_option_as_utf8(uri.get(), name, nullptr);
    if (file != nullptr && access(file, R_OK) != 0) {
      throw error(errc::invalid_argument,
                  std::string(option) + ": cannot read '" + file + "', which " +
                      (name == std::string_view(MONGOC_URI_TLSCAFILE) ? "tlsCAFile" : "tlsCertificateKeyFile") +
                      " names: " + std::strerror(errno) + "; give the path of a PEM file");
    }
  }
  return uri;
}

void harden(mongoc_uri_t* uri, std::int32_t io_limit_ms) {
  auto concern = std::unique_ptr<mongoc_write_concern_t, decltype(&mongoc_write_concern_destroy)>(
      mongoc_write_concern_new(), mongoc_write_concern_destroy);
  mongoc_write_concern_set_w(concern.get(), MONGOC_WRITE_CONCERN_W_MAJORITY);
  mongoc_uri_set_write_concern(uri, concern.get());
  auto prefs = std::unique_ptr<mongoc_read_prefs_t, decltype(&mongoc_read_prefs_destroy)>(
      mongoc_read_prefs_new(MONGOC_READ_PRIMARY), mongoc_read_prefs_destroy);
  mongoc_uri_set_read_prefs_t(uri, prefs.get());
  mongoc_uri_set_option_as_bool(uri, MONGOC_URI_RETRYWRITES, false);
  mongoc_uri_set_option_as_bool(uri, MONGOC_URI_RETRYREADS, false);
  limit(uri, MONGOC_URI_SOCKETTIMEOUTMS, io_limit_ms);
  limit(uri, MONGOC_URI_CONNECTTIMEOUTMS, io_limit_ms);
  limit(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, io_limit_ms);
  limit(uri, MONGOC_URI_WAITQUEUETIMEOUTMS, io_limit_ms);
  limit(uri, MONGOC_URI_HEARTBEATFREQUENCYMS, kLongestHeartbeat);
}

bool names_one_member(const mongoc_uri_t* uri) {
  const auto* hosts = mongoc_uri_get_hosts(uri);
  return hosts != nullptr && hosts->next == nullptr && mongoc_uri_get_srv_hostname(uri) == nullptr &&
         mongoc_uri_get_replica_set(uri) == nullptr &&
         !mongoc_uri_get_option_as_bool(uri, MONGOC_URI_DIRECTCONNECTION, false) &&
         !mongoc_uri_get_option_as_bool(uri, MONGOC_URI_LOADBALANCED, false);
}

std::string hosts_of(const mongoc_uri_t* uri) {
  std::string out;
  for (const auto* h = mongoc_uri_get_hosts(uri); h != nullptr; h = h->next) {
    out += (out.empty() ? "" : ",") + std::string(h->host_and_port);
  }
  const char* service = mongoc_uri_get_srv_hostname(uri);
  return out.empty() && service != nullptr ? service : out;
}

}  // namespace dlock
