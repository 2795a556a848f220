#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <dlock/inspect.hpp>
#include <dlock/members.hpp>

namespace dlock::cli {

/// What `dlock metrics` prints of the locks of a collection and of the servers, in the text format of Prometheus.
/// `label_locks`: also of each of the first 100 locks, and of all others together.
[[nodiscard]] std::string collection_metrics(const std::vector<dlock::lock_state>& locks,
                                             const std::vector<dlock::member_info>& members,
                                             std::chrono::duration<double> read_in, bool label_locks = false);

/// The same if the locks could not be read.
[[nodiscard]] std::string metrics_of_an_outage();

/// The type of these texts.
inline constexpr const char* metrics_type = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace dlock::cli
