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

struct lock_holder {
  std::string who;  ///< What its client said of itself; "" for mongo-dlock.
  lock_mode mode = lock_mode::exclusive;
  std::int64_t permits = 0;                     ///< Taken, of a semaphore; else 0.
  std::int64_t token = 0;                       ///< Its fencing token; 0 for mongo-dlock.
  std::chrono::system_clock::time_point since;  ///< Its grant.
  std::chrono::system_clock::time_point until;  ///< The end of its lease unless it renews.
  bool expired = false;                         ///< Its lease is over; whoever comes next takes the lock. With
                                                ///< observed expiry one look cannot tell: false.
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
  std::vector<lock_holder> holders;          ///< None: it is free.
  std::vector<lock_waiter> waiters;          ///< In the order in which they will be served.
  std::chrono::system_clock::time_point at;  ///< When this was so.
  dlock::expiry expiry = dlock::expiry::server_clock;
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
