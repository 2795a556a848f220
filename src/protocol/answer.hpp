#pragma once

#include <string>
#include <vector>

#include <dlock/error.hpp>

#include "protocol/document.hpp"
#include "protocol/lookup.hpp"

namespace dlock {

/// What became of one operation.
struct answer {
  enum class kind {
    replied,    // acknowledged by a majority: `reply` is what the document says
    no_answer,  // down, too slow, an election, or acknowledged by less than a majority: ask again with the same id
    refused,    // the server will not do it; asking again does not help
  };
  kind what = kind::no_answer;
  protocol::reply reply;
  bool brief = false;  // it took the short form
  // For the other two:
  errc code = errc::unavailable;
  std::string why;  // one line, without secrets
  int server_code = 0;
  bool in_doubt = false;  // it may have been carried out all the same
};

/// What was seen, if it was answered.
struct lookup_answer : answer {
  std::vector<protocol::snapshot> seen;
};

}  // namespace dlock
