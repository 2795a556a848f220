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
  [[nodiscard]] std::string holder() { return server.documents["lock"]->holders.at(0).id; }
};

}  // namespace dlock::engine
