#pragma once

#include <string>

#include <dlock/options.hpp>

#include "protocol/answer.hpp"
#include "protocol/document.hpp"

/// What users are told of answers that are none, or that say no.
namespace dlock::detail {

/// Throws the error for an answer that is none, or a refusal; `doing`: what failed, on which lock.
[[noreturn]] void fail(const std::string& doing, const answer& a, bool in_doubt);
/// The document is no lock; `defect`: the field that makes it none, if it would be one (reply::defect).
[[noreturn]] void fail_not_a_lock(const std::string& doing, const client_options& options, const std::string& lock,
                                  const std::string& defect);
/// The lock is not of the expiry that was asked for.
[[noreturn]] void fail_other_expiry(const std::string& doing, bool observed);

}  // namespace dlock::detail
