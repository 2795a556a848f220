#pragma once

#include <mongoc/mongoc.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dlock {

struct uri_deleter {
  void operator()(mongoc_uri_t* u) const noexcept { mongoc_uri_destroy(u); }
};
using uri_handle = std::unique_ptr<mongoc_uri_t, uri_deleter>;

/// Removes secrets from texts that were made by others (the driver quotes pieces of a malformed URL): the password, and
/// what else a URL may have of the kind.
class redactor {
 public:
  explicit redactor(std::string_view url);
  [[nodiscard]] std::string operator()(std::string text) const;

 private:
  std::vector<std::string> secrets_;
};

/// Parses a connection string; no I/O, but a look at whether the files that it names can be read. `option` names it in
/// the error: "url", "notif_url".
/// Throws error(invalid_argument), without the password.
[[nodiscard]] uri_handle parse_connection_string(const std::string& url, const char* option);

/// Removes what could weaken a lock (w, journal, wtimeout, readConcern, readPreference, retryWrites) and bounds I/O:
/// no socket operation takes longer than `io_limit_ms`, shorter limits in the URL stay.
void harden(mongoc_uri_t* uri, std::int32_t io_limit_ms);

/// Whether the URL names one member and does not ask for a direct connection: then its set has to be discovered.
[[nodiscard]] bool names_one_member(const mongoc_uri_t* uri);

/// "host:port[,host:port...]", for messages.
[[nodiscard]] std::string hosts_of(const mongoc_uri_t* uri);

}  // namespace dlock
