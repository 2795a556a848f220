#pragma once

#include <array>
#include <chrono>
#include <dlock/dlock.hpp>
#include <stdexcept>
#include <string>

namespace bench {

/// A way to use a lock that is measured beside the others. To measure one more, add it here: bench/report.py asks for
/// the names (`dlock-bench modes`).
struct mode {
  const char* name;
  void (*set)(dlock::lock_options& of);
  bool among_threads = false;  // it changes nothing unless several threads of a process want the lock
};

inline constexpr std::array modes{
    mode{"plain", [](dlock::lock_options& /*of*/) {}},
    mode{"durable", [](dlock::lock_options& of) { of.durable_release = true; }},
    mode{"turns", [](dlock::lock_options& of) { of.local_turns = 16; }, true},
    mode{"linger", [](dlock::lock_options& of) { of.linger = std::chrono::seconds(10); }},
};

[[nodiscard]] inline const mode& mode_of(const std::string& name) {
  for (const auto& m : modes) {
    if (m.name == name) return m;
  }
  throw std::invalid_argument("no mode " + name);
}

/// What a lock with this id is made with.
[[nodiscard]] inline dlock::lock_options options_of(const std::string& name, const std::string& id) {
  dlock::lock_options o{.id = id};
  mode_of(name).set(o);
  return o;
}

}  // namespace bench
