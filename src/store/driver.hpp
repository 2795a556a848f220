#pragma once

#include <memory>

#include <dlock/options.hpp>

namespace dlock {

/// Initialises libmongoc, once per process, and takes its log away from stderr.
void initialise_driver();

/// While the returned handle lives, the driver's own messages go to `log` (the driver has one log for the whole process,
/// so every client with a log gets them).
[[nodiscard]] std::shared_ptr<void> listen_to_driver(log_callback log);

}  // namespace dlock
