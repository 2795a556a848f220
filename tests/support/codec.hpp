#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "protocol/bson.hpp"
#include "protocol/document.hpp"
#include "reference/names.hpp"
#include "support/json.hpp"

namespace dlock::testing {

/// The lock `id` as the server stores it. `sparse` leaves out what is zero, and the lists if all are empty: documents
/// of mongo-dlock look like that. `admitted`: are stored at the head of the queue, although they were admitted.
[[nodiscard]] bson encode(const std::string& id, const protocol::document& d, bool sparse = false,
                          const std::vector<protocol::waiter>& admitted = {});

/// The reverse. Strict: throws std::runtime_error, naming the field, for a field or type that the pipeline never
/// writes.
[[nodiscard]] protocol::document decode(const bson_t* stored);

}  // namespace dlock::testing

// For messages of failed tests.
namespace dlock::protocol {
std::ostream& operator<<(std::ostream& out, const document& d);
std::ostream& operator<<(std::ostream& out, const request& r);
std::ostream& operator<<(std::ostream& out, const reply& r);
}  // namespace dlock::protocol
