#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "store/store.hpp"
#include "util/clock.hpp"

namespace dlock {

/// A store that carries out together what many threads ask of one lock at the same time (protocol/batch.hpp): while a
/// few commands for the lock are on their way, the others wait a moment and then go as one. Whoever is alone waits for
/// nobody. A connection that hangs holds up the others for `patience`. `now`: boot_clock, but for tests.
[[nodiscard]] std::shared_ptr<store> combining(std::shared_ptr<store> where,
                                               std::chrono::milliseconds patience = std::chrono::milliseconds{100},
                                               std::function<protocol::ms()> now = now_ms);

}  // namespace dlock
