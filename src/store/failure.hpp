#pragma once

#include <mongoc/mongoc.h>

#include "store/connection_string.hpp"
#include "store/store.hpp"

namespace dlock {

/// What a failed driver call means for a lock: ask again with the same id (no_answer), or give up (refused).
[[nodiscard]] answer failure(const bson_error_t& why, const redactor& redact);

/// How contact::problem() describes a server whose replica set is not the URL's replicaSet.
inline constexpr const char* of_another_set = "it is in the replica set";

/// Turns the answer into a refusal if every server has a problem that does not pass: TLS, or the name of the replica
/// set. Otherwise returns the same answer. "Every server" means as many as the URL names, or as many as were `heard`
/// of, if these are more. Only for the first contact: later, what worked once may work again.
[[nodiscard]] answer at_first_contact(answer a, const mongoc_uri_t* uri, std::size_t heard = 0);

/// What to do about a failed first contact.
[[nodiscard]] std::string advice(const answer& a, const mongoc_uri_t* uri);

/// Whether an acknowledged command (ok: 1) has a writeConcernError. Then it was applied, but perhaps not by a majority.
[[nodiscard]] bool has_write_concern_error(const bson_t* server_reply, std::string* why);

}  // namespace dlock
