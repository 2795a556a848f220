#pragma once

#include <string>

#include "protocol/document.hpp"

/// Finds numbers in documents that no server can have written, if its clock is right. Somebody has typed them.
namespace dlock::protocol {

/// The field with such a number, "fence" or "rev". The next number would be made from it, and so would all that follow.
/// So a document with such a number is not a lock. "": there is none.
[[nodiscard]] std::string defect(const document& d, ms now);

/// reply::defect if the token in my own holder entry is such a number. The next tokens are not made from it. So the
/// lock goes on for everybody except this holder, which is not told that it holds the lock.
inline constexpr auto strange_holder = "holders.fence";
/// Shows other holders with such a token without a token (0), and removes heirs with such a token, so that nobody tells
/// them of their grant. `mine` stays as it is.
void drop_strange_tokens(reply& r);
void drop_strange_tokens(document& d, ms now);

}  // namespace dlock::protocol
