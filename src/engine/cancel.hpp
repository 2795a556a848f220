#pragma once

#include "protocol/document.hpp"

namespace dlock::engine {

/// A cancel that undoes everything that `r` may have done. `in_doubt`: it leaves a tombstone, against requests that are
/// still on their way.
[[nodiscard]] inline protocol::request cancel_of(protocol::request r, bool in_doubt) {
  constexpr protocol::ms kTombstone = 30'000;  // no command is on its way for so long: every I/O has a shorter limit
  r.op = protocol::operation::cancel;
  r.tomb = in_doubt ? kTombstone : 0;
  r.keep = 0;
  r.how = protocol::form::whole;
  return r;
}

}  // namespace dlock::engine
