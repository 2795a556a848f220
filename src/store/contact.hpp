#pragma once

#include <mongoc/mongoc.h>

#include <cstddef>
#include <map>
#include <mutex>
#include <string>

#include "store/connection_string.hpp"

namespace dlock {

/// What the driver's monitors have heard from each server, until they find a server that accepts writes. The driver
/// itself reports this only after a call has waited for its whole time limit. It also forgets servers of another
/// replica set. Thread-safe.
class contact {
 public:
  contact(const redactor& redact, const mongoc_uri_t* uri) : redact_(redact), uri_(uri) {}
  contact(const contact&) = delete;
  contact& operator=(const contact&) = delete;

  /// Must be called before the pool is used. This object must outlive the pool.
  void listen(mongoc_client_pool_t* pool);

  /// A server answered the monitor's hello, or failed to answer it, and why.
  void answered(const std::string& host, const bson_t* hello);
  void failed(const std::string& host, const char* why);

  /// Why there is no contact yet, in one line without secrets. Empty if nothing was heard yet, or if there is contact.
  [[nodiscard]] std::string problem() const;
  /// How many servers problem() is about. There may be more than the URL names.
  [[nodiscard]] std::size_t heard() const;

 private:
  const redactor& redact_;
  const mongoc_uri_t* uri_;
  mutable std::mutex guard_;
  std::map<std::string, std::string> servers_;  // key: host and port
  bool made_ = false;
};

}  // namespace dlock
