#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace dlock {

namespace detail {
class subscriber;
}

/// Something that happened to a lock, anywhere in the fleet. A hint for people and programs, not a fact to act on: it
/// comes after the event, may come late, and may not come at all (then a `gap` says so). Only a lease says who holds a
/// lock.
struct lock_event {
  enum class kind {
    locked,  ///< Somebody acquired the lock.
    /// Somebody released it. A lease that runs out is not announced: nobody is there to do so. If a release finds that
    /// the lease has run out, it may be announced.
    unlocked,
    gap,  ///< Events may have been missed here, of any lock: look for yourself if you need to know.
  };
  kind what = kind::gap;
  std::string id;          ///< The lock; "" for a gap.
  std::int64_t token = 0;  ///< The fencing token of that grant; 0 if mongo-dlock announced it.
  /// What that client said of itself, as it said it: see printable(). "" if mongo-dlock announced it.
  std::string who;
  /// When, by the server's clock; by this machine's clock, when the event came, if mongo-dlock announced it.
  std::chrono::system_clock::time_point at;
};

/// "locked", "unlocked", "gap". Never fails.
[[nodiscard]] const char* to_string(lock_event::kind value) noexcept;

/// Called for one event at a time, on a library thread. It may block (see subscription), throw (that is logged and
/// swallowed), call any function of the library, and end its own subscription.
using event_callback = std::function<void(const lock_event&)>;

/// Events come for as long as this lives. Move-only. The idea is mongo-dlock's `lock` and `unlock` events.
///
/// Order: the events that one process causes come in their order. Those of different processes come in the order in
/// which the server got them, which can swap neighbours: an `unlocked` may follow the next holder's `locked`. Compare
/// the tokens. Gaps: what a slow callback leaves waiting beyond 1,000 events, what rolled over in the channel, or what
/// a process could not publish is lost, and a `gap` comes in its place. A connection that breaks loses nothing: what
/// was missed is fetched.
class subscription {
 public:
  subscription() noexcept;
  subscription(subscription&&) noexcept;
  subscription& operator=(subscription&&) noexcept;
  /// end()
  ~subscription();

  /// Waits until events are heard, at most `timeout`: what happens after it returned true is heard of. False is no
  /// error: the subscription goes on trying (client::notifications() says what the matter is), unless it is empty, or
  /// the client was closed. Thread-safe.
  [[nodiscard]] bool wait_until_open(std::chrono::milliseconds timeout) const;

  /// No call of the callback begins any more. Waits for one that is in progress, at most 1 s, unless it is this very
  /// thread's. Idempotent.
  void end() noexcept;

 private:
  friend class client;
  explicit subscription(std::shared_ptr<detail::subscriber> s) noexcept;
  std::shared_ptr<detail::subscriber> subscriber_;
};

/// How a client's notifications are. They only make things faster: without them waiters look at their locks from time
/// to time (50 ms doubling up to wait_lock_period).
struct notification_status {
  enum class state {
    idle,  ///< Not needed so far.
    working,
    failing,  ///< See problem. It is tried again and again; log says when it works again (docs/operations.md).
  };
  state now = state::idle;
  std::string problem;  ///< One line, without secrets; "" unless failing.
};

}  // namespace dlock
