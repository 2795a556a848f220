#pragma once

#include <cstddef>
#include <vector>

#include "protocol/pipeline.hpp"

/// Several requests of one client for one lock in one command. Otherwise many readers of a lock, or many users of a
/// semaphore, would change its document one by one and slow each other down (docs/adr/0015-combined-commands.md).
namespace dlock::protocol {

/// Enqueues, and releases of holders with a weight; all of them `go_together`. The result is the same as if they were
/// executed one after the other, the releases first. But there is only one change, at one point in time.
using batch = std::vector<request>;

[[nodiscard]] bool can_go_together(const request& r) noexcept;
[[nodiscard]] bool go_together(const request& a, const request& b) noexcept;
/// Chooses the next batch from requests that wait: the first request, and those that go together with it. `waiting` is
/// in the order in which they came. The result has their indexes in it. No enqueue overtakes an earlier enqueue.
[[nodiscard]] std::vector<std::size_t> next_batch(const std::vector<const request*>& waiting);

[[nodiscard]] bson batch_command(const batch& requests, const command_options& options);
/// One reply for each request. Total, like parse_reply.
[[nodiscard]] std::vector<reply> parse_batch_reply(const bson_t* server_reply, const batch& requests);

}  // namespace dlock::protocol
