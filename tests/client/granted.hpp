#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "engine/client.hpp"

namespace dlock::testing {

/// A lease as an engine has it that was just granted, until then.
[[nodiscard]] inline engine::client::lease granted(std::string lock, std::string id, std::int64_t token,
                                                   protocol::ms until) {
  protocol::request ask;
  ask.lock = std::move(lock);
  ask.id = std::move(id);
  constexpr protocol::ms kLong = 1000;
  const protocol::ms begin = until - protocol::valid_until(0, kLong);
  return {.ask = std::move(ask),
          .token = token,
          .machine = engine::hold_machine(protocol::lease_schedule(begin, kLong, kLong, true, begin))};
}

}  // namespace dlock::testing
