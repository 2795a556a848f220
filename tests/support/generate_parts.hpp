#pragma once

#include <rapidcheck.h>

#include <string>
#include <vector>

#include "protocol/document.hpp"

/// What random scenarios are made of. To be called where rapidcheck generates (rc::gen::exec).
namespace dlock::testing {

/// True so many times of a hundred.
[[nodiscard]] bool chance(int percent);
/// An id or a name that would be something else if it were ever taken for an expression, a path or a number.
[[nodiscard]] std::string hostile();
[[nodiscard]] protocol::ms any_skew();
[[nodiscard]] std::int64_t token_near(protocol::ms now);
[[nodiscard]] protocol::request any_request(protocol::ms now);
/// A lock whose entries end around the instant that decides for this request.
[[nodiscard]] protocol::document any_document(const protocol::request& r, protocol::ms now);
[[nodiscard]] protocol::document any_observed_document(const protocol::request& r, protocol::ms now);
/// Of entries in it, or of none.
[[nodiscard]] std::vector<protocol::pulse> any_pulses(const protocol::document& d);
/// Some who were admitted are still stored: the holder most likely, or somebody who came back, or has gone.
[[nodiscard]] std::vector<protocol::waiter> any_admitted(const protocol::document& d, const protocol::request& r,
                                                         protocol::ms now);
/// Makes the request name somebody in the document, most of the time.
void aim(protocol::request& r, const protocol::document& d, protocol::ms now);

}  // namespace dlock::testing
