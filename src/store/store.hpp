#pragma once

#include <string>
#include <vector>

#include <dlock/error.hpp>

#include "protocol/document.hpp"
#include "protocol/look.hpp"

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
struct look_answer : answer {
  std::vector<protocol::sight> seen;
};

/// Which connections an operation takes: renewals have some of their own, so that nothing can keep them waiting.
enum class lane { normal, renewal };
inline constexpr std::size_t renewal_lanes = 16;

/// Where the locks' documents live. One implementation speaks to MongoDB, a fake applies the reference model;
/// tests/contract holds both to the same behaviour.
class store {
 public:
  store() = default;
  store(const store&) = delete;
  store& operator=(const store&) = delete;
  virtual ~store() = default;

  /// Carries the operation out. Blocks, for as long as the store's own I/O limits allow; never throws for what the
  /// server or the network does. Thread-safe; lane::renewal is for `renewal_lanes` threads at a time.
  [[nodiscard]] virtual answer apply(const protocol::request& r, lane which = lane::normal) = 0;

  /// Reads without changing anything. As apply() in all else.
  [[nodiscard]] virtual look_answer read(const protocol::look& l) = 0;
};

}  // namespace dlock
