#pragma once

#include <cstdint>

#include "engine/events.hpp"
#include "engine/hold_machine.hpp"
#include "protocol/document.hpp"

namespace dlock::engine {

/// What the engine knows of a hold. Its state `now` changes as the table of client says; its machine decides when it is
/// renewed and when it is over.
struct lease {
  protocol::request ask;   // the request of the acquisition
  std::int64_t token = 0;  // its fencing token
  ms since = 0;            // the time of its grant, on the server's clock
  ms begin = 0;            // the same on our clock: it was not later than this
  ms heard = 0;            // when this client learned of the grant, on our clock
  hold_machine machine;
  hold_phase now = hold_phase::held;
  ms kept_since = 0;
  bool may_be_shared = false;  // a downgrade was sent
  bool doubtful = false;       // before the grant, a request of it got no answer, and may still arrive
  bool revoked = false;
  bool given_up = false;  // it was lost, and the server was asked to remove the holder, if it is still there
  bool dropped = false;   // its owner called drop() during a release
  ms keep = 0;            // the longest `keep` of its releases
  std::int64_t amendments = 0;
  std::int64_t queue = 0;  // how many others waited for it, as far as is known

  [[nodiscard]] bool held(ms at) const noexcept { return now == hold_phase::held && at < machine.valid_until(); }
  [[nodiscard]] bool is_exclusive() const noexcept { return ask.what.exclusive && !may_be_shared; }
};

}  // namespace dlock::engine
