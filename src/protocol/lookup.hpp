#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/bson.hpp"
#include "protocol/document.hpp"

/// Reading locks without changing anything: for people, and for those who observe.
namespace dlock::protocol {

struct lookup {
  std::string id;      // this lock; empty: those whose ids begin with `prefix`
  std::string prefix;  // of ids, after
  std::string after;   // this one ("": from the first)
  std::int64_t most = 100;
};

/// One document as it was read.
struct snapshot {
  std::string id;
  ms now = 0;          // the server's clock
  bool valid = true;   // it is a lock
  std::string defect;  // see reply
  document what;
};

/// The aggregation that reads them on the primary, as a majority has acknowledged them. `now`: see command_options.
[[nodiscard]] bson lookup_command(const lookup& l, const std::string& coll, std::int64_t limit, const std::string& now);

/// Its answer. Total, as parse_reply.
[[nodiscard]] std::vector<snapshot> parse_snapshots(const bson_t* server_reply);

}  // namespace dlock::protocol
