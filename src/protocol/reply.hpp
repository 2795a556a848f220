#pragma once

#include <cstddef>

#include "protocol/bson.hpp"
#include "protocol/document.hpp"

namespace dlock::protocol {

/// What the server answered to command() (pipeline.hpp). Total: a field that is missing or of another type counts as
/// absent.
/// `observed`: what request::observed was.
[[nodiscard]] reply parse_reply(const bson_t* server_reply, bool observed = false);

/// What it answered to short_command() (short_form.hpp). Empty: it was another case, nothing was changed, and the full
/// command must follow.
[[nodiscard]] std::optional<reply> parse_short_reply(const bson_t* server_reply, const request& r);

/// What the update took for a lock is one afterwards; what it left as it was shows why: here, or in the lists.
[[nodiscard]] bool is_lock(const bson_t* document);
/// Why it is none all the same by the server's clock: "fence" or "rev" has a number that no server has written. Else
/// "".
[[nodiscard]] std::string defect(const bson_t* document, ms now);
/// Whether it is one of observed expiry.
[[nodiscard]] bool is_observed(const bson_t* document);

/// What the document in it says.
[[nodiscard]] reply parse_value(const bson_t* value, bool observed = false);

/// How many at the head of the queue were admitted and are still stored.
[[nodiscard]] std::size_t read_admitted(const bson_t* document);

/// A list of holders.
[[nodiscard]] std::vector<holder> read_holders_of(const bson_t* in, const char* key);

/// One entry of `holders`.
[[nodiscard]] holder parse_holder(const bson_t* entry);

}  // namespace dlock::protocol
