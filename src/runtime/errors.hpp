#pragma once

#include <string>

#include <dlock/options.hpp>

#include "protocol/answer.hpp"
#include "protocol/document.hpp"

/// Turns a failed or missing answer into an error with a text for users.
namespace dlock::detail {

/// Throws the error for a missing answer or a refusal. `doing`: what failed, on which lock.
[[noreturn]] void fail(const std::string& doing, const answer& a, bool in_doubt);
/// Throws the error for a document that is not a lock. `defect`: if the document would be a lock without one bad field,
/// the name of that field (reply::defect).
[[noreturn]] void fail_not_a_lock(const std::string& doing, const client_options& options, const std::string& lock,
                                  const std::string& defect);
/// Throws the error for a lock whose expiry is not the one that was asked for.
[[noreturn]] void fail_other_expiry(const std::string& doing, bool observed);

}  // namespace dlock::detail
