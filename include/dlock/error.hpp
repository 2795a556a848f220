#pragma once

/// @file
/// Failures. Expected outcomes are return values; failures throw dlock::error.

#include <stdexcept>
#include <string>

#include <dlock/export.hpp>

namespace dlock {

/// Reason of a failure. Expected outcomes are return values, not errors: see outcome (busy, timed out, cancelled;
/// acquire.hpp) and release_result (not held, lost; lease.hpp).
enum class errc {
  /// An option, id or duration is not valid. Nothing was sent.
  ///
  /// Two mistakes show only at the client's first contact with the server: a TLS file that cannot be used (not PEM,
  /// another password), and a `replicaSet` that is not the name of the servers' replica set.
  invalid_argument,
  /// The server gave no answer in time: it is down, unreachable, too slow, or in an election.
  unavailable,
  /// The server refused the credentials, or its certificate is not trusted.
  authentication,
  /// The credentials lack a right on the database or collection.
  not_authorized,
  /// The server is older than MongoDB 4.4.
  unsupported_server,
  /// The document with this id is not a lock, or somebody edited a number in it.
  not_a_lock,
  /// The lock is in use with other settings: another capacity or another expiry.
  configuration,
  /// The client was closed, or moved from. If it was closed during the call, the call may be in doubt.
  closed,
  /// Called in a forked child process. What the parent holds stays the parent's.
  forked,
  /// The server refused the command for another reason: see error::what() and error::server_code().
  server,
  /// The lock was not acquired: it is busy, the wait timed out or was cancelled, or the object holds it already. Only
  /// guard::guard() throws this; the other functions return an outcome.
  not_acquired,
  /// The lease was lost or released. Only lease::check() and guard::check() throw this.
  not_held,
};

/// The exception of dlock: one class, with a code and two properties.
///
/// what() is one line. It says what failed, on which lock, why, and what to do. It is printable() (text.hpp) and never
/// contains a password.
///
/// Callers decide by the two properties, so there is no tree of exception classes. (The idea: libpqxx's
/// in_doubt_error.)
/// - retryable(): the same call may succeed later, unchanged.
/// - in_doubt(): the server may have carried out the request, although it did not confirm it.
///
/// What follows from in_doubt() depends on the call:
/// - acquire, try_acquire, acquire_all, campaign: dlock undoes the request in the background, as far as it can. At
///   worst the lock stays taken until its lease ends. Another call is a new attempt.
/// - release, resign: the lock may be free already. It is not renewed any more. The release goes on in the background,
///   and another call asks again. At worst the lock stays taken until its lease ends.
/// - downgrade: the lock is still held, in one of the two modes. Treat it as shared. Nothing is undone. Call again.
/// - proclaim, set_note: the lock is still held, with the old text or the new one. Nothing is undone. Call again.
/// - resize: the semaphore has the old number or the new one. This object keeps the old one. Call again.
/// - revoke: the holder may be marked, or gone (revocation::at_once). Nothing is undone. Call again.
/// - record: the history may have the run. Call again: a run with the same owner is replaced.
///
/// A call that only reads is never in doubt. client::close() reports nothing: what it cannot undo in time ends with its
/// lease.
///
/// @par Thread safety
/// Const members are thread-safe.
/// @par Blocking
/// Members never block.
class DLOCK_API error : public std::runtime_error {
 public:
  /// Properties of a failure.
  struct traits {
    bool retryable = false;  ///< See error::retryable().
    bool in_doubt = false;   ///< See error::in_doubt().
    int server_code = 0;     ///< See error::server_code().
  };

  /// Only the library needs to make errors.
  /// @param code The reason.
  /// @param what The message. It is made printable().
  /// @param properties The other properties.
  error(errc code, const std::string& what, traits properties);
  /// The same with default properties: not retryable, not in doubt, no server code.
  /// @param code The reason.
  /// @param what The message. It is made printable().
  error(errc code, const std::string& what) : error(code, what, traits{}) {}

  /// Reason of the failure. @return The code.
  [[nodiscard]] errc code() const noexcept { return code_; }
  /// Whether a retry makes sense. @return True: the same call may succeed later, unchanged.
  [[nodiscard]] bool retryable() const noexcept { return properties_.retryable; }
  /// Whether the result is unknown. @return True: the server may have carried out the request, although it did not
  /// confirm it.
  [[nodiscard]] bool in_doubt() const noexcept { return properties_.in_doubt; }
  /// The server's error code. @return 0 if the failure did not come from the server.
  [[nodiscard]] int server_code() const noexcept { return properties_.server_code; }

 private:
  errc code_;
  traits properties_;
};

/// Name of an error code. Does not block, does not fail, thread-safe.
/// @param code The code.
/// @return Static text: "invalid_argument", "unavailable" and so on.
DLOCK_API [[nodiscard]] const char* to_string(errc code) noexcept;

}  // namespace dlock
