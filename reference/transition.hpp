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

struct batch_result {
  std::optional<document> after;
  std::vector<reply> answers;  // one for each request
};
[[nodiscard]] batch_result transition(const std::optional<document>& before, const batch& requests, ms now);

}  // namespace dlock::protocol
