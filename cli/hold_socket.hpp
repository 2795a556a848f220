#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <dlock/options.hpp>

#include "fd.hpp"
#include "holding.hpp"
#include "process_tree.hpp"

// How other dlocks of a user reach a `dlock hold`. It listens on an abstract socket for each of its locks. The name
// says which script holds which lock (process id, start time, and a hash of the database, collection and id), so
// nothing has to be written down, and nothing is left of it. Both ends check that the other one runs as the same user,
// or as root.

namespace dlock::cli {

/// Where the lock is.
struct lock_place {
  std::string db;
  std::string coll;
  std::string id;
};

/// The sockets of a `dlock hold`, on which others ask it for a token, or to end.
class hold_socket {
 public:
  /// If a name is taken, or there is no such socket here, nobody can reach this hold. It works without that.
  hold_socket(const process& script, const dlock::client_options& where, std::vector<grant> grants);

  /// Readable when somebody asks.
  [[nodiscard]] int fd() const noexcept { return ready_.get(); }

  /// Answers one who asks. Returns the connection to one who wants this hold to end: he waits for an exit status.
  [[nodiscard]] std::optional<unique_fd> answer();

 private:
  std::vector<grant> grants_;
  std::vector<unique_fd> listeners_;
  unique_fd ready_;
};

/// Says so to one whom hold_socket::answer() returned.
void say_ended(const unique_fd& to, int status);

/// The token of a lock that a `dlock hold` of this script holds. Takes at most 200 ms.
[[nodiscard]] std::optional<std::int64_t> token_held_by(const process& script, const lock_place& lock);

/// Ends the `dlock hold` of this script that holds the lock. Returns its exit status, or nothing if there is none.
/// Throws failure if it does not answer within `patience`.
[[nodiscard]] std::optional<int> end_hold_of(const process& script, const lock_place& lock,
                                             std::chrono::milliseconds patience);

}  // namespace dlock::cli
