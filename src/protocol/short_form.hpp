#pragma once

#include "protocol/pipeline.hpp"

namespace dlock::protocol {

/// The commonest cases in short: to take a lock that is free (try, enqueue), to go to the end of the queue of one that
/// is held exclusively (enqueue), and to release one to nobody or to an exclusive waiter. The server then has a third
/// of the expressions to parse, which is most of what an operation costs it. The outcome is the same as the full
/// command's (pipeline.hpp) or, in any other case, nothing is changed: then the full command must follow.
[[nodiscard]] bool has_short_form(const request& r) noexcept;

/// The answer is parse_short_reply()'s (reply.hpp). A try or enqueue must be the first command that ever names its id:
/// the answer to a repetition could not be told from the answer to the first.
[[nodiscard]] bson short_command(const request& r, const command_options& options);

}  // namespace dlock::protocol
