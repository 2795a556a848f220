#pragma once

#include <string>
#include <vector>

#include <dlock/error.hpp>

#include "protocol/document.hpp"
#include "protocol/lookup.hpp"

namespace dlock {

/// The outcome of one operation.
struct answer {
  enum class kind {
    replied,    // acknowledged by a majority (or see `early`); `reply` has what the document says
    no_answer,  // down, too slow, an election, or acknowledged by less than a majority: ask again with the same id
    refused,    // the server refuses it; asking again does not help
  };
  kind what = kind::no_answer;
  protocol::reply reply;
  bool early = false;  // replied: only the primary has acknowledged it
  // With no_answer and refused:
  errc code = errc::unavailable;
  std::string why;  // one line, without secrets
  int server_code = 0;
  bool in_doubt = false;  // the server may have executed it nevertheless
};

/// The answer to a lookup. `seen` is filled if it was answered.
struct lookup_answer : answer {
  std::vector<protocol::snapshot> seen;
};

}  // namespace dlock
