#pragma once

#include <memory>

#include "store/store.hpp"

namespace dlock {

/// A store that carries out together what many threads ask of one lock at the same time (protocol/batch.hpp): while a
/// few commands for the lock are on their way, the others wait a moment and then go as one. Whoever is alone waits for
/// nobody.
[[nodiscard]] std::shared_ptr<store> combining(std::shared_ptr<store> where);

}  // namespace dlock
