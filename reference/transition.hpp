#pragma once

#include <optional>
#include <vector>

#include "protocol/batch.hpp"
#include "protocol/document.hpp"

namespace dlock::protocol {

struct transition_result {
  std::optional<document> after;  // empty if there is no document
  reply answer;
};

/// The reference model: what one operation does to the document (empty if there is none) when the server's clock says
/// `now`. pipeline.cpp has the same rules in MongoDB's language. A property test checks that both agree.
[[nodiscard]] transition_result transition(const std::optional<document>& before, const request& r, ms now);

/// reply::calm: whether nobody but the sender of `r` holds the lock or waits for it, and nothing else is in the
/// document.
[[nodiscard]] bool is_calm(const document& after, const request& r);
/// The same for the express form (express.hpp), which has rules of its own. No result: it is not enough.
[[nodiscard]] std::optional<transition_result> express(const std::optional<document>& before, const request& r, ms now);

struct batch_result {
  std::optional<document> after;
  std::vector<reply> answers;  // one for each request
};
[[nodiscard]] batch_result transition(const std::optional<document>& before, const batch& requests, ms now);

}  // namespace dlock::protocol
