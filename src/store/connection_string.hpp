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

/// Removes secrets from texts that others have made (the driver quotes parts of a malformed URL). It removes the
/// password and the other secrets that a URL may contain.
class redactor {
 public:
  explicit redactor(std::string_view url);
  [[nodiscard]] std::string operator()(std::string text) const;

 private:
  std::vector<std::string> secrets_;
};

/// Parses a connection string. No I/O, except a check that the files that it names can be read. `option` names it in
/// the error: "url", "notif_url". Throws error(invalid_argument), without the password.
[[nodiscard]] uri_handle parse_connection_string(const std::string& url, const char* option);

/// Removes what could weaken a lock (w, journal, wtimeout, readConcern, readPreference, retryWrites), and limits I/O:
/// no socket operation takes longer than `io_limit_ms`. Shorter limits in the URL stay.
void harden(mongoc_uri_t* uri, std::int32_t io_limit_ms);

/// Whether the URL names one member and does not ask for a direct connection. Then its replica set must be discovered.
[[nodiscard]] bool names_one_member(const mongoc_uri_t* uri);

/// "host:port[,host:port...]", for messages.
[[nodiscard]] std::string hosts_of(const mongoc_uri_t* uri);

}  // namespace dlock
