#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/bson.hpp"
#include "protocol/document.hpp"

/// Reads locks without changing anything: for people, and for observers.
namespace dlock::protocol {

struct lookup {
  std::string id;                     // read this lock; empty: read the locks whose ids begin with `prefix`
  std::string prefix;                 // see `id`
  std::string after;                  // with a prefix: only ids after this one ("": from the first)
  std::int64_t most = 100;            // at most this many
  std::vector<std::string> ids = {};  // or read these locks
};

/// One document as it was read.
struct snapshot {
  std::string id;
  ms now = 0;          // the server's clock
  bool valid = true;   // it is a lock
  std::string defect;  // see reply
  document what;
};

/// The aggregation that reads them. It runs on the primary and reads what a majority has acknowledged. `now`: see
/// command_options.
[[nodiscard]] bson lookup_command(const lookup& l, const std::string& coll, std::int64_t limit, const std::string& now);

/// Parses its answer. Total, like parse_reply.
[[nodiscard]] std::vector<snapshot> parse_snapshots(const bson_t* server_reply);

}  // namespace dlock::protocol
