#pragma once

#include <string>

#include <dlock/options.hpp>

#include "protocol/document.hpp"
#include "store/store.hpp"

/// What acquisitions and releases make of answers alike.
namespace dlock::detail {

/// Takes back whatever `r` may have done; `in_doubt`: leaves a tombstone for what is still on its way.
[[nodiscard]] protocol::request cancel_of(protocol::request r, bool in_doubt);

/// Throws the error for an answer that is none, or a refusal; `doing`: what failed, on which lock.
[[noreturn]] void fail(const std::string& doing, const answer& a, bool in_doubt);
/// The document is no lock; `defect`: the field that makes it none, if it would be one (reply::defect).
[[noreturn]] void fail_not_a_lock(const std::string& doing, const client_options& options, const std::string& lock,
                                  const std::string& defect);
/// The lock is of the expiry that `r` is not of.
[[noreturn]] void fail_other_expiry(const std::string& doing, const protocol::request& r);

}  // namespace dlock::detail
