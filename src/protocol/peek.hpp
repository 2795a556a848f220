#pragma once

#include "protocol/pipeline.hpp"

namespace dlock::protocol {

/// The aggregation for operation::peek: the reply of a heartbeat, made of the document as a majority has acknowledged
/// it, without changing it. What has ended still counts in it.
[[nodiscard]] bson peek_command(const request& r, const command_options& options);

}  // namespace dlock::protocol
