#pragma once

#include <algorithm>

#include "protocol/document.hpp"

namespace dlock::engine {

using protocol::ms;

/// The pauses between repeated tries. Each pause is twice as long as the one before, up to `longest`.
class backoff {
 public:
  constexpr explicit backoff(ms longest, ms first = 50) noexcept : next_(first), longest_(longest) {}

  /// The length of the next pause. next() returns it, too, and goes on to the one after it.
  [[nodiscard]] constexpr ms peek() const noexcept { return next_; }
  constexpr ms next() noexcept {
    const ms now = next_;
    next_ = std::min(2 * next_, longest_);
    return now;
  }

 private:
  ms next_;
  ms longest_;
};

}  // namespace dlock::engine
