#pragma once

#include "protocol/pipeline.hpp"

namespace dlock::protocol {

/// The aggregation for operation::peek. It makes the same reply as a heartbeat, but changes nothing. It reads the
/// document that a majority has acknowledged. Expired entries still count in it.
[[nodiscard]] bson peek_command(const request& r, const command_options& options);

}  // namespace dlock::protocol
