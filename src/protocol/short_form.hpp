#pragma once

#include "protocol/pipeline.hpp"

namespace dlock::protocol {

/// A short form for the most common cases: taking a free lock (try, enqueue), joining the queue of a lock that is held
/// exclusively (enqueue), and releasing a lock when nobody waits or the next waiter is exclusive. The server then has
/// to parse only a third of the expressions, and parsing is most of what an operation costs it. In these cases the
/// outcome is the same as that of the full command (pipeline.hpp). In any other case nothing is changed, and the full
/// command must follow.
[[nodiscard]] bool has_short_form(const request& r) noexcept;

/// parse_short_reply() (reply.hpp) parses the answer. A try or enqueue must be the first command with its id: the
/// answer to a repetition would look like the answer to the first command.
[[nodiscard]] bson short_command(const request& r, const command_options& options);

}  // namespace dlock::protocol
