#pragma once

#include <string>
#include <utility>

#include "engine/client.hpp"
#include "engine/driven_client.hpp"

namespace dlock::engine {

/// Calls of one client that take turns at a lock.
struct ClientsTurns : driven_test {
  call_id ask(protocol::acquire_plan p, bool tells_place = false) { return me.acquire(std::move(p), tells_place, now); }
  protocol::acquire_plan within(ms time) const {
    auto p = plan();
    p.deadline = now + time;
    return p;
  }
  /// Another client has the lock, and one of this client waits for it on the server.
  call_id first_waits(protocol::acquire_plan p = plan()) {
    (void)other(op::try_);
    const auto c = ask(std::move(p));
    EXPECT_EQ(serve(), "enqueue id-1");
    EXPECT_EQ(happened(), "");
    return c;
  }
  hold_id got() const { return last<acquire_ended>().got; }
};

/// ... and a lease passes on from one to the next.
struct LocalTurns : ClientsTurns {
  static protocol::acquire_plan turns(int most = 3) {
    auto p = plan();
    p.local_turns = most;
    return p;
  }
  /// The first of the two waits behind another client, and hears of its grant from a notice. The other one waits
  /// locally.
  std::pair<hold_id, call_id> heir_and_next() {
    (void)first_waits(turns());
    const auto two = ask(turns());
    play("grant | happened -> acquired");
    return {got(), two};
  }
  [[nodiscard]] std::int64_t token(hold_id h) const { return me.find(h)->token; }
};

}  // namespace dlock::engine
