#pragma once

#include <optional>
#include <string>
#include <vector>

#include <dlock/doctor.hpp>
#include <dlock/options.hpp>

#include "store/examiner.hpp"

namespace dlock::doctor {

/// How a canary fared: a lock that passes from one client to another.
struct flight {
  std::string failure;  // what did not work; "": nothing
  std::chrono::microseconds acquire{0};
  std::optional<std::chrono::microseconds> hand_off;
  std::string notices;   // what is wrong with the notifications; "": nothing
  bool removed = false;  // the document is gone
};

/// Sends one. Blocks for at most 10 s. Never throws dlock::error.
[[nodiscard]] flight send_canary(const client_options& options, examiner& server);

/// Pure.
void check_canary(const flight& f, std::vector<diagnosis>& out);

}  // namespace dlock::doctor
