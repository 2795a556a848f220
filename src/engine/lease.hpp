#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/events.hpp"
#include "engine/hold_machine.hpp"
#include "protocol/acquire.hpp"
#include "protocol/document.hpp"

namespace dlock::engine {

/// What the engine knows of a hold. Its state `now` changes as the table of client says; its machine decides when it is
/// renewed and when it is over.
struct lease {
  protocol::request ask;   // the request of the acquisition
  std::int64_t token = 0;  // its fencing token
  std::int64_t fence = 0;  // the token of the grant: what the server has. `token` is higher in a later turn
  ms since = 0;            // the time of its grant, on the server's clock
  ms begin = 0;            // the same on our clock: it was not later than this
  ms heard = 0;            // when this client learned of the grant, on our clock
  hold_machine machine;
  hold_phase now = hold_phase::held;
  ms kept_since = 0;           // when this client learned of the grant, also in a later turn
  bool may_be_shared = false;  // a downgrade was sent
  bool doubtful = false;       // before the grant, a request of it got no answer, and may still arrive
  bool given_up = false;       // it was lost, and the server was asked to remove the holder, if it is still there
  bool dropped = false;        // its owner called drop() during a release
  ms keep = 0;                 // the longest `keep` of its releases
  protocol::claim claims = ask.what;  // what it asks for, and
  std::string value = ask.value;      // what it publishes, after its last amend
  std::int64_t amendments = 0;        // the `seq` of that
  std::int64_t queue = 0;             // how many others waited for it, as far as is known
  std::uint64_t renewal = 0;          // its last request, which may be on its way
  // Turns of this client, one after the other (local_turns.cpp):
  int turn = 1, turns = 1;            // which one this is, and of how many at most
  std::optional<ms> turn_began = {};  // when this client began it, if it is not the first one
  ms linger = 0;                      // for so long after the grant it may be kept although nobody uses it
  ms wait_period = 0;                 // of the plan of the acquisition
  std::optional<ms> idle_until = {};  // nobody uses it; it is released at this time
  ms used = 0;                        // nobody uses it: for how long its last owner did
  int row = 0;                        // of the plan of its owner

  /// lease::owner(): each turn of a grant has another one.
  [[nodiscard]] std::string owner() const { return turn == 1 ? ask.id : ask.id + '+' + std::to_string(turn - 1); }
  /// There is a number above this token, for another turn.
  [[nodiscard]] bool has_next_token() const noexcept { return (token + 1) % protocol::token_step != 0; }
  [[nodiscard]] bool is_idle() const noexcept { return idle_until.has_value(); }
  [[nodiscard]] bool held(ms at) const noexcept { return now == hold_phase::held && at < machine.valid_until(); }
  [[nodiscard]] bool is_exclusive() const noexcept { return ask.what.exclusive && !may_be_shared; }
};

/// Whether a call with this plan can go on with this lease.
[[nodiscard]] bool can_go_on(const protocol::acquire_plan& plan, const lease& l);

}  // namespace dlock::engine
