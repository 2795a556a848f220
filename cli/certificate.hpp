#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <dlock/doctor.hpp>

namespace dlock::cli {

/// The time that a server's certificate is still valid for, negative if it has ended.
struct certificate_life {
  std::optional<std::chrono::seconds> left;
  std::string problem;  ///< Why this is not known.
};

/// Asks each "host:port" for its certificate, all at the same time, and does not verify it: whoever connects does that.
/// Blocks for at most `limit`. The threads that ask may still run for a while after that, so leave by _exit.
[[nodiscard]] std::vector<certificate_life> lives_of_certificates(const std::vector<std::string>& hosts,
                                                                  std::chrono::milliseconds limit);

/// Pure.
[[nodiscard]] dlock::diagnosis judge_certificate(const std::string& host, const certificate_life& life);

}  // namespace dlock::cli
