#pragma once

#include <string>

namespace dlock {

/// A new UUID v4, straight from the kernel's random numbers: a generator in user space, copied by fork, would give
/// two processes the same identity.
[[nodiscard]] std::string fresh_uuid();

/// "host:pid program": what this process calls itself for people.
[[nodiscard]] std::string default_who();

}  // namespace dlock
