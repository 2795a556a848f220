#pragma once

#include <mongoc/mongoc.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/bson.hpp"

/// Decides which documents of a channel are so old that a follower that begins at its end need not read them. The age
/// is taken from the _id. Anybody may make an _id, by any clock. Documents that count as old are only skipped. So if
/// too few count as old, nothing is lost; if too many do, the follower misses new ones.
namespace dlock {

/// {"_id": the _id of the document}
[[nodiscard]] bson id_of(const bson_t* document);

/// The server's time in seconds, as its last heartbeat gave it. So it is never ahead of the server's clock. Empty if
/// the server does not give it (behind a load balancer).
[[nodiscard]] std::optional<std::int64_t> seconds_at(const mongoc_server_description_t* server);

/// The time from which documents count as new, in seconds. It is well before the newest documents, whose ids are given,
/// and before the server's `now`. An id from the future is not used. An id from the past shows a clock that is behind.
[[nodiscard]] std::int64_t begin_of_news(const std::vector<bson>& newest, std::int64_t now);

/// A filter that leaves out documents older than `seconds`. It keeps documents whose _id does not tell a time.
[[nodiscard]] bson not_before(std::int64_t seconds);

/// Whether the server's clock was set back to before the time of not_before(seconds). Then the filter would leave out
/// what the server inserts now.
[[nodiscard]] bool is_behind(std::optional<std::int64_t> now, std::int64_t seconds);

}  // namespace dlock
