#pragma once

#include <mongoc/mongoc.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/bson.hpp"

/// Which documents of a channel are so old that who begins at its end need not read them. They are told by their _ids,
/// which anybody may make, by any clock: what is called old is only passed over, so too little is right and too much
/// makes deaf.
namespace dlock {

/// {"_id": the document's}
[[nodiscard]] bson id_of(const bson_t* document);

/// By the server's clock, as its last heartbeat said it: never ahead. Nothing if it says none (behind a load balancer).
[[nodiscard]] std::optional<std::int64_t> seconds_at(const mongoc_server_description_t* server);

/// When what is new begins, in seconds: well before the newest documents, whose ids are given, and before the server's
/// `now`. An id from the future is none to go by, and one from the past shows a clock that is behind.
[[nodiscard]] std::int64_t begin_of_news(const std::vector<bson>& newest, std::int64_t now);

/// Leaves out what is older than `seconds`, but nothing with an _id that does not tell its time.
[[nodiscard]] bson not_before(std::int64_t seconds);

/// Whether the server's clock was set back behind what not_before(seconds) was made by: what it inserts now would be
/// left out.
[[nodiscard]] bool is_behind(std::optional<std::int64_t> now, std::int64_t seconds);

}  // namespace dlock
