#pragma once

#include <cstdint>

#include "lines.hpp"

namespace dlock::chaos {

/// A history that breaks no rule: a few processes and locks, some seconds, faults. A pure function of the seed.
[[nodiscard]] lines generate(std::uint64_t seed);

}  // namespace dlock::chaos
