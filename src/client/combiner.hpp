#pragma once

#include <chrono>
#include <memory>

#include "store/store.hpp"
#include "util/environment.hpp"

namespace dlock {

/// A store that carries out together what many threads ask of one lock at the same time (protocol/batch.hpp): while a
/// few commands for the lock are on their way, the others wait a moment and then go as one. Whoever is alone waits for
/// nobody. A connection that hangs holds up the others for `patience`.
[[nodiscard]] std::shared_ptr<store> combining(std::shared_ptr<store> where, std::shared_ptr<environment> env,
                                               std::chrono::milliseconds patience = std::chrono::milliseconds{100});

}  // namespace dlock
