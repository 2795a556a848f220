#pragma once

#include <string>

#include "protocol/document.hpp"

/// Numbers in documents that no server has written by the clock that it has now: somebody typed them.
namespace dlock::protocol {

/// The field with such a number, "fence" or "rev": the next one would be made of it, and so would all that follow. "":
/// all is well. A document with one is no lock.
[[nodiscard]] std::string defect(const document& d, ms now);

/// reply::defect when one's own token is such a number. The next ones are not made of it, so the lock goes on for all
/// but this holder, which is not told that it holds.
inline constexpr auto strange_holder = "holders.fence";
/// Other holders of that kind are shown without a token (0), and no such heir is told of its grant; `mine` stays.
void drop_strange_tokens(reply& r);
void drop_strange_tokens(document& d, ms now);

}  // namespace dlock::protocol
