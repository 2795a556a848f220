#pragma once

#include <mongoc/mongoc.h>

#include "store/connection_string.hpp"
#include "store/store.hpp"

namespace dlock {

/// What a failed driver call means for a lock: ask again with the same id (no_answer), or give up (refused).
[[nodiscard]] answer failure(const bson_error_t& why, const redactor& redact);

/// The same answer, unless TLS keeps every server of the URL from being contacted, in a way that does not pass: then a
/// refusal. For the first contact: later, what worked once may well work again.
[[nodiscard]] answer at_first_contact(answer a, const mongoc_uri_t* uri);

/// What to do about a failed first contact.
[[nodiscard]] std::string advice(const answer& a, const mongoc_uri_t* uri);

/// Whether an acknowledged command (ok: 1) carries a writeConcernError: then it was applied, but perhaps not by a
/// majority.
[[nodiscard]] bool has_write_concern_error(const bson_t* server_reply, std::string* why);

}  // namespace dlock
