#pragma once

#include <mongoc/mongoc.h>

#include <cstddef>
#include <map>
#include <mutex>
#include <string>

#include "store/connection_string.hpp"

namespace dlock {

/// What the driver's monitors have heard of each server, until one of them is found that takes writes. The driver
/// itself tells it only when a call has waited for its whole time limit, and forgets servers of another set.
/// Thread-safe.
class contact {
 public:
  contact(const redactor& redact, const mongoc_uri_t* uri) : redact_(redact), uri_(uri) {}
  contact(const contact&) = delete;
  contact& operator=(const contact&) = delete;

  /// To be called before the pool is used. This must outlive it.
  void listen(mongoc_client_pool_t* pool);

  /// A server's answer to the monitor's hello; why there was none.
  void answered(const std::string& host, const bson_t* hello);
  void failed(const std::string& host, const char* why);

  /// Why there is no contact yet, one line without secrets; empty: nothing was heard yet, or there is.
  [[nodiscard]] std::string problem() const;
  /// Of so many servers; there may be more than the URL names.
  [[nodiscard]] std::size_t heard() const;

 private:
  const redactor& redact_;
  const mongoc_uri_t* uri_;
  mutable std::mutex guard_;
  std::map<std::string, std::string> servers_;  // by host and port
  bool made_ = false;
};

}  // namespace dlock
