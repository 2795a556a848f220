#pragma once

#include <cstddef>
#include <vector>

#include "protocol/pipeline.hpp"

/// Several requests of one client for one lock in one command. Otherwise many readers of a lock, or many users of a
/// semaphore, would change its document one by one and slow each other down (docs/adr/0015-combined-commands.md).
namespace dlock::protocol {

/// Either enqueues and releases that `go_together`, or renewals that can be `renewed_together`. The result is the same
/// as if they were executed one after the other, the releases first. But there is only one change, at one point in
/// time.
using batch = std::vector<request>;
/// At most so many requests are in one command.
inline constexpr std::size_t most_together = 64;
inline constexpr std::size_t most_renewals = 1000;

/// Whether it may wait until others can go together with it. The release of an exclusive holder waits for nobody.
[[nodiscard]] bool can_go_together(const request& r) noexcept;
/// Whether this enqueue can go in one command with this release, when both are due at once.
[[nodiscard]] bool can_pass(const request& release, const request& enqueue) noexcept;
[[nodiscard]] bool go_together(const request& a, const request& b) noexcept;
/// Whether the two holders that send these requests can be renewed in one command.
[[nodiscard]] bool renewed_together(const request& a, const request& b) noexcept;
/// Chooses the next batch from requests that wait: the first request, and those that go together with it. `waiting` is
/// in the order in which they came. The result has their indexes in it. No enqueue overtakes an earlier enqueue.
[[nodiscard]] std::vector<std::size_t> next_batch(const std::vector<const request*>& waiting);

[[nodiscard]] bson batch_command(const batch& requests, const command_options& options);
/// One reply for each request. Total, like parse_reply. Of many renewals, only the first that was found names heirs.
[[nodiscard]] std::vector<reply> parse_batch_reply(const bson_t* server_reply, const batch& requests);

}  // namespace dlock::protocol
