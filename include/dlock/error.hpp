#pragma once

#include <stdexcept>
#include <string>

namespace dlock {

/// Why a call failed. What a lock answers on a good day is a value and no error: outcome (busy, timed out, cancelled;
/// acquire.hpp) and release_result (not held, lost; lease.hpp).
enum class errc {
  invalid_argument,    ///< An option, id or duration makes no sense. Nothing was sent; only that files for TLS cannot
                       ///< be used (not PEM, another password), or that replicaSet is another, shows when a client
                       ///< first contacts the server.
  unavailable,         ///< The server gave no answer in time (down, unreachable, election, too slow).
  authentication,      ///< The server refused the credentials, or has a certificate that is not trusted.
  not_authorized,      ///< The credentials lack a right on the database or collection.
  unsupported_server,  ///< The server is older than MongoDB 4.4.
  not_a_lock,          ///< The document with this id, or a number in it, was not written by dlock or mongo-dlock.
  configuration,       ///< The lock is in use with other settings (another capacity, another expiry).
  closed,              ///< The client was closed, or moved from.
  forked,              ///< Called in a child process; what the parent holds is the parent's.
  server,              ///< The server refused the command for another reason; see what() and server_code().
};

/// A failure. what() says what failed, on which lock, why, and what to do, in one line that is printable() (text.hpp);
/// it never contains a password.
///
/// The two properties, rather than a tree of classes, are what callers decide by (the idea is libpqxx's):
/// retryable(): the same call may succeed later as it is;
/// in_doubt():  the server may have carried out the request although no answer came. What follows depends on the call:
///
///     acquire, try_acquire,    undone in the background as well as it can be; at worst the lock stays taken until its
///     acquire_all, campaign    lease runs out. Calling again is a new attempt
///     release, resign          it may be free already. It is not renewed any more, the release goes on in the
///                              background, and calling again asks again; at worst it stays taken like that, too
///     downgrade                held still, in one of the two modes: take it for shared. Nothing is undone; call again
///     proclaim                 leads still, with the old value or the new one. Nothing is undone; call again
///     resize                   the semaphore has the old number or the new one, this object the old one. Call again
///     revoke                   the holder may be marked, or gone (at_once). Nothing is undone; call again
///
/// What only reads is never in doubt. client::close() reports nothing: what is in doubt by then, and was not undone in
/// the time that it has, runs out with its lease.
class error : public std::runtime_error {
 public:
  struct traits {
    bool retryable = false;
    bool in_doubt = false;
    int server_code = 0;
  };

  /// The library makes these. `what` is made printable().
  error(errc code, const std::string& what, traits properties);
  error(errc code, const std::string& what) : error(code, what, traits{}) {}

  [[nodiscard]] errc code() const noexcept { return code_; }
  [[nodiscard]] bool retryable() const noexcept { return properties_.retryable; }
  [[nodiscard]] bool in_doubt() const noexcept { return properties_.in_doubt; }
  /// The server's error code, 0 if the failure did not come from the server.
  [[nodiscard]] int server_code() const noexcept { return properties_.server_code; }

 private:
  errc code_;
  traits properties_;
};

/// "invalid_argument", "unavailable", ... Never fails.
[[nodiscard]] const char* to_string(errc code) noexcept;

}  // namespace dlock
