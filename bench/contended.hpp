#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "raw.hpp"
#include "worker.hpp"

namespace bench {

struct floor_times {
  double write_us = 0;   // a raw majority findAndModify
  double insert_us = 0;  // a raw w:1 insert
};
/// `pause`: a pause before each pair of commands. A machine that was idle for 10 ms takes longer for the same commands.
[[nodiscard]] floor_times measure_floor(raw_server::session& raw, std::chrono::milliseconds length,
                                        std::chrono::milliseconds pause);

/// The times from just before release() to just after the heir's acquire(), in microseconds. Only hand-offs to an heir
/// that already waited at the release.
[[nodiscard]] std::vector<double> hand_offs(const std::vector<grant>& grants);

/// One lock and many contenders in many processes, compared with the raw commands. Prints.
void contended(const std::string& url, const std::string& mode, int windows, std::chrono::milliseconds length,
               int least, int most);

/// How many of the grants of one lock each process got, and whether any waiter was passed. Prints.
void fairness(const std::string& url, int processes, int grants_wanted);

/// What a hand-off costs the primary while this many processes wait for other locks. Prints.
void bystanders(const std::string& url, const std::vector<int>& numbers, std::chrono::milliseconds length);

}  // namespace bench
