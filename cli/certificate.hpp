#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <dlock/doctor.hpp>

namespace dlock::cli {

/// The time that a server's certificate is still valid for, negative if it has ended.
struct certificate_life {
  std::optional<std::chrono::seconds> left;
  std::string problem;  ///< Why this is not known.
};

/// Asks "host:port" for its certificate, and does not verify it: whoever connects does that. Blocks for at most a
/// second, if the name of the host is known.
[[nodiscard]] certificate_life life_of_certificate(const std::string& host_and_port);

/// Pure.
[[nodiscard]] dlock::diagnosis judge_certificate(const std::string& host, const certificate_life& life);

}  // namespace dlock::cli
