#pragma once

#include <string>

#include "protocol/bson.hpp"
#include "protocol/document.hpp"

namespace dlock::protocol {

/// How a command is to be carried out; says nothing about the lock.
struct command_options {
  std::string coll;
  /// The server gives up waiting for a majority, and the command, after so long. 0 = no limit.
  ms limit = 0;
  /// An aggregation expression for "now" as extended JSON. Only tests say anything else.
  std::string now = "\"$$NOW\"";
};

/// The operation as one findAndModify command: filter, update pipeline, and a projection that makes the reply.
/// Written with w:majority; never retryable (our own retry repeats the id, which is idempotent). A peek is an
/// aggregation (peek.hpp), with the same reply.
[[nodiscard]] bson command(const request& r, const command_options& options);

}  // namespace dlock::protocol
