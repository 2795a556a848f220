#pragma once

#include <memory>

#include "util/logger.hpp"

namespace dlock {

/// Initialises libmongoc, once per process, and redirects its log away from stderr.
void initialise_driver();

/// While `log` lives, it also gets the driver's own messages. The driver has one log for the whole process, so every
/// client with a log gets them. Null is ignored.
void listen_to_driver(const std::shared_ptr<logger>& log);

}  // namespace dlock
