#pragma once

#include "protocol/bson.hpp"
#include "protocol/document.hpp"

namespace dlock::protocol {

/// What the server answered to command() (pipeline.hpp). Total: a field that is missing or of another type counts as absent.
[[nodiscard]] reply parse_reply(const bson_t* server_reply);

/// One entry of `holders`.
[[nodiscard]] holder parse_holder(const bson_t* entry);

}  // namespace dlock::protocol
