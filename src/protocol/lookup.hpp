#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/bson.hpp"
#include "protocol/document.hpp"

/// Reads locks without changing anything: for people, and for observers.
namespace dlock::protocol {

struct lookup {
  std::string id;                     // read this lock; empty: read all locks whose ids begin with `prefix`
  std::string prefix = {};            // see `id`
  std::vector<std::string> ids = {};  // or read these locks
  ms within = 0;                      // how long all of it may take; 0: the store's own limit for a command
};

/// One document as it was read.
struct snapshot {
  std::string id;
  ms now = 0;          // the server's clock
  bool valid = true;   // it is a lock
  std::string defect;  // see reply
  document what;
};

/// The aggregation that reads them: {"pipeline": [...]}. `now`: see command_options.
[[nodiscard]] bson lookup_pipeline(const lookup& l, const std::string& now);

/// Parses one document of its answer. Total, like parse_reply.
[[nodiscard]] snapshot parse_snapshot(const bson_t* answered);

/// The clock_skew of whoever wrote the document last, at most an hour; 0 if nobody holds the lock. Somebody outside who
/// uses a smaller one could remove a holder that still believes.
[[nodiscard]] ms skew_of(const document& d);

}  // namespace dlock::protocol
