#pragma once

#include <cstddef>

#include "protocol/document.hpp"

namespace dlock::protocol {

/// For people.
[[nodiscard]] inline const char* name_of(operation op) noexcept {
  static constexpr const char* names[] = {"try",     "enqueue", "heartbeat", "peek",   "renew",
                                          "release", "cancel",  "amend",     "revoke", "resize"};
  return names[static_cast<std::size_t>(op)];
}

}  // namespace dlock::protocol
