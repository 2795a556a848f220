#pragma once

#include <cstdint>

namespace dlock::simulator {

/// The only source of randomness in a run, so that a seed gives the same run everywhere. (The distributions of the
/// standard library differ between implementations.) SplitMix64, by Sebastiano Vigna.
class chance {
 public:
  explicit chance(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t next() noexcept {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  /// Both ends are included.
  std::int64_t between(std::int64_t low, std::int64_t high) noexcept {
    return low + static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool in(std::int64_t times) noexcept { return between(1, times) == 1; }
  bool percent(std::int64_t of_hundred) noexcept { return between(1, 100) <= of_hundred; }
  /// From 0 to below 1.
  double unit() noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  std::uint64_t state_;
};

}  // namespace dlock::simulator
