#pragma once

#include <string>

namespace dlock {

/// A new UUID v4, directly from the kernel's random numbers. fork would copy a generator in user space, and two
/// processes would get the same identity.
[[nodiscard]] std::string fresh_uuid();

/// "host:pid program": the name of this process, for people.
[[nodiscard]] std::string default_who();

}  // namespace dlock
