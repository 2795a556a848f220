#pragma once

#include <memory>

#include "util/logger.hpp"

namespace dlock {

/// Initialises libmongoc, once per process, and takes its log away from stderr.
void initialise_driver();

/// While `log` lives, the driver's own messages go to it, too (the driver has one log for the whole process, so every
/// client with a log gets them). Null is ignored.
void listen_to_driver(const std::shared_ptr<logger>& log);

}  // namespace dlock
