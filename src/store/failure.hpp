#pragma once

#include <mongoc/mongoc.h>

#include "store/connection_string.hpp"
#include "store/store.hpp"

namespace dlock {

/// What a failed driver call means for a lock: ask again with the same id (no_answer), or give up (refused).
[[nodiscard]] answer failure(const bson_error_t& why, const redactor& redact);

/// Whether an acknowledged command (ok: 1) carries a writeConcernError: then it was applied, but perhaps not by a
/// majority.
[[nodiscard]] bool has_write_concern_error(const bson_t* server_reply, std::string* why);

}  // namespace dlock
