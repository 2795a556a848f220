#pragma once

#include <cstddef>
#include <vector>

#include "protocol/pipeline.hpp"

/// Several requests of one client for one lock in one command: many readers of a lock, or users of a semaphore, would
/// otherwise change its document one by one and stand in each other's way (docs/adr/0015-combined-commands.md).
namespace dlock::protocol {

/// Enqueues, and releases of what had a weight; all `go_together`. It does what they would do one after the
/// other, the releases first, at one instant and in one change.
using batch = std::vector<request>;

[[nodiscard]] bool can_go_together(const request& r) noexcept;
[[nodiscard]] bool go_together(const request& a, const request& b) noexcept;
/// Of requests that wait, in the order in which they came: the places of those that go now as one batch, the first of
/// all and what goes together with it. No enqueue passes one that came before it.
[[nodiscard]] std::vector<std::size_t> next_batch(const std::vector<const request*>& waiting);

[[nodiscard]] bson batch_command(const batch& requests, const command_options& options);
/// One reply for each request. Total, as parse_reply.
[[nodiscard]] std::vector<reply> parse_batch_reply(const bson_t* server_reply, const batch& requests);

}  // namespace dlock::protocol
