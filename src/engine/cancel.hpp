#pragma once

#include "protocol/document.hpp"

namespace dlock::engine {

/// Takes back whatever `r` may have done; `in_doubt`: leaves a tombstone for what is still on its way.
[[nodiscard]] inline protocol::request cancel_of(protocol::request r, bool in_doubt) {
  constexpr protocol::ms kTombstone = 30'000;  // longer than a command can be on its way: every I/O has a shorter limit
  r.op = protocol::operation::cancel;
  r.tomb = in_doubt ? kTombstone : 0;
  r.keep = 0;
  r.brief = false;
  return r;
}

}  // namespace dlock::engine
