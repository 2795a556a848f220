#pragma once

#include <cstddef>

#include "protocol/bson.hpp"
#include "protocol/document.hpp"

namespace dlock::protocol {

/// Parses the server's answer to command() (pipeline.hpp). Total: a field that is missing or has another type counts as
/// absent. `observed`: request::observed of the request.
[[nodiscard]] reply parse_reply(const bson_t* server_reply, bool observed = false);

/// Parses the server's answer to short_command() (short_form.hpp). No result: it was another case, nothing was changed,
/// and the full command must follow.
[[nodiscard]] std::optional<reply> parse_short_reply(const bson_t* server_reply, const request& r);

/// Whether the document is a lock. A document that the update took for a lock is a lock after the update, too. If the
/// update left the document unchanged, the reason shows here, or in the lists.
[[nodiscard]] bool is_lock(const bson_t* document);
/// Why it is nevertheless not a lock, by the server's clock: the field "fence" or "rev" if it has a number that no
/// server has written. Else "".
[[nodiscard]] std::string defect(const bson_t* document, ms now);
/// Whether it has observed expiry.
[[nodiscard]] bool is_observed(const bson_t* document);

/// Parses one document of the answer.
[[nodiscard]] reply parse_value(const bson_t* value, bool observed = false);

/// How many at the head of the queue were admitted and are still stored.
[[nodiscard]] std::size_t read_admitted(const bson_t* document);

/// Parses a list of holders.
[[nodiscard]] std::vector<holder> read_holders_of(const bson_t* in, const char* key);

/// Parses one entry of such a list.
[[nodiscard]] holder parse_holder(const bson_t* entry);

}  // namespace dlock::protocol
