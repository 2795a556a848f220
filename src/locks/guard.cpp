#include <dlock/guard.hpp>

#include "locks/lock_core.hpp"
#include "util/text.hpp"

namespace dlock {
namespace {

std::string why_not(const acquisition& got) {
  const std::string by = got.holder() ? "; its holder is " + (got.holder()->who.empty() ? "a client that gives no name"
                                                                                        : got.holder()->who)
                                      : std::string();
  switch (got.result()) {
    case outcome::busy:
      return "it is busy" + by + "; try again, or wait with a timeout";
    case outcome::timed_out:
      return "the wait timed out" + by + "; try again, or wait longer";
    case outcome::cancelled:
      return "the wait was cancelled by its stop token, or the client was closed";
    default:
      return "this object holds or acquires it already; use one object for each participant";
  }
}

/// What acquire() gets, as an exception unless it is the lease.
lease must_acquire(const claim& lock, const wait_options& options) {
  acquisition got = detail::claimed::lock_of(lock).acquire(detail::claimed::weight_of(lock), options);
  if (got) return std::move(*got);
  const bool later = got.result() == outcome::busy || got.result() == outcome::timed_out;
  throw error(errc::not_acquired, "cannot acquire lock " + in_quotes(lock.id()) + ": " + why_not(got),
              {.retryable = later});
}

}  // namespace

guard::guard(const claim& lock, wait_options options) : lease_(must_acquire(lock, options)) {}

guard::~guard() = default;

}  // namespace dlock
