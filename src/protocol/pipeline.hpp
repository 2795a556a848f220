#pragma once

#include <string>

#include "protocol/bson.hpp"
#include "protocol/document.hpp"

namespace dlock::protocol {

/// How the server executes a command. This says nothing about the lock.
struct command_options {
  std::string coll;
  /// After this time the server gives up the command, and stops waiting for a majority. 0 = no limit.
  ms limit = 0;
  bool majority = true;  // false: the primary's acknowledgement is enough
  /// An aggregation expression for "now", as extended JSON. Only tests use another one.
  std::string now = "\"$$NOW\"";
};

/// The operation as one findAndModify command: a query, an update pipeline, and a projection that makes the reply.
/// It is written with w:majority, and never as a retryable write (our own retry repeats the id, and that is
/// idempotent). A peek is an aggregation (peek.hpp) with the same reply.
[[nodiscard]] bson command(const request& r, const command_options& options);

}  // namespace dlock::protocol
