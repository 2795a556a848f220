#pragma once

#include <chrono>
#include <cstdint>
#include <dlock/options.hpp>
#include <string>
#include <utility>
#include <vector>

#include "lock_spec.hpp"

namespace chaos {

struct arguments {
  dlock::client_options client;
  std::string name;
  std::string resource;
  std::string history;
  std::uint64_t seed = 1;
  std::vector<lock_spec> locks;
  int local_turns = 1;  // of mutexes and shared mutexes
  int linger = 0;       // the same, in ms
  int threads = 4;
  std::pair<int, int> hold_ms{5, 50};
  int max_timeout_ms = 1000;  // 0: no time-outs
  int try_percent = 10;
  int all_percent = 10;
  int drain_ms = 10'000;
  bool stale = false;
  bool final_round = false;
};

/// Reads the command line; ends the process after --help, or with a message if it makes no sense.
[[nodiscard]] arguments parse_arguments(int argc, char** argv);

}  // namespace chaos
