#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <dlock/options.hpp>

namespace dlock {

/// Looking at locks from outside (client::inspect, list, revoke): for people on call and their tools. All of it is a
/// snapshot; times are the server's.
enum class lock_mode {
  exclusive,
  shared,   ///< Of a shared_mutex.
  permits,  ///< Of a semaphore.
};

/// "exclusive", "shared", "permits". Never fails.
[[nodiscard]] const char* to_string(lock_mode value) noexcept;

/// Times are the server's; what is before 1970 or after 2262, which nobody writes on purpose, is shown as that.
struct lock_holder {
  /// What its client said of itself, as it said it: see printable() in text.hpp. "" for mongo-dlock.
  std::string who;
  lock_mode mode = lock_mode::exclusive;
  std::int64_t permits = 0;                     ///< Taken, of a semaphore; else 0.
  std::int64_t token = 0;                       ///< Its fencing token; 0: mongo-dlock's, or somebody edited it.
  std::chrono::system_clock::time_point since;  ///< Its grant.
  std::chrono::system_clock::time_point until;  ///< The end of its lease unless it renews.
  bool expired = false;                         ///< Its lease is over. Among `holders` the lock passes on in a moment,
                                                ///< when clock_skew is over, too. With observed expiry one look cannot
                                                ///< tell: false.
  bool revoked = false;                         ///< See client::revoke.
  bool foreign = false;                         ///< Held by node's mongo-dlock.
  bool kept = false;                            ///< Released by lease::release_at_least(): nobody's, and taken until
                                                ///< `until`. revoke() passes it on at once. (In the document its id
                                                ///< is lease::owner() with "/kept".)
  std::string value;                            ///< What a leader publishes.
};

struct lock_waiter {
  std::string who;
  lock_mode mode = lock_mode::exclusive;
  std::int64_t permits = 0;
  std::chrono::system_clock::time_point since;  ///< When it came.
};

struct lock_state {
  std::string id;
  std::int64_t permits = 0;                  ///< N of a semaphore; else 0.
  std::int64_t token = 0;                    ///< The last one that was granted.
  std::vector<lock_holder> holders;          ///< None: it is free, or the first waiter's in a moment.
  std::vector<lock_waiter> waiters;          ///< In the order in which they will be served.
  std::chrono::system_clock::time_point at;  ///< When this was so.
  dlock::expiry expiry = dlock::expiry::server_clock;
  /// Who held it and let it run out (died, or release_at_least() kept it until now), as far as nobody has come since.
  /// They are not in the way of anybody whose clock_skew is not greater than this client's.
  std::vector<lock_holder> expired;
};

/// What revoke() does with the lock.
enum class revocation {
  /// The holder is told that its lease is lost, at once if its inbox works, else when it renews; the lock passes on
  /// when it lets go, or when its lease ends. Nobody else gets in while it may still believe to hold.
  when_released,
  /// The lock passes on at once, and the holder is told as above. Unsafe: it goes on until it has heard of it.
  at_once,
};

}  // namespace dlock
