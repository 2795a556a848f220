#pragma once

/// @file
/// Notifications: events of locks, subscriptions, and their state.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <dlock/export.hpp>

namespace dlock {

namespace detail {
class subscriber;
}

/// Something that happened to a lock, in any process.
///
/// An event is a hint for people and programs. It comes after the fact, perhaps late, perhaps not at all (then a `gap`
/// comes). Do not decide by events: only a lease says who holds a lock.
struct lock_event {
  /// Kinds of events.
  enum class kind {
    locked,  ///< A client acquired the lock.
    /// A client released the lock. There is no event for a lease that ends by itself, because no client is left to
    /// announce it. There may be one for a lease that was lost before its release: see `lost`.
    unlocked,
    gap,  ///< Events of any lock may have been missed here. client::inspect() tells the state of a lock.
  };
  kind what = kind::gap;   ///< What happened.
  std::string id;          ///< The lock's id; "" for a gap.
  std::int64_t token = 0;  ///< Fencing token of that grant; 0 if mongo-dlock announced it.
  /// The client's description (client_options::who). Use printable() to show it. "" if mongo-dlock announced it.
  std::string who;
  /// Time of the event, by the server's clock. If mongo-dlock announced it: time of arrival, by this machine's clock.
  std::chrono::system_clock::time_point at;
  /// Of `locked`: how long the client waited, from the beginning of the call to the grant, in ms. None if mongo-dlock
  /// or an older version announced it, or if it is no new grant: a leader has published another value.
  std::optional<std::chrono::milliseconds> waited = {};
  /// Of `unlocked`: how long the client held the lock, from the grant to the release, in ms. None if mongo-dlock or an
  /// older version announced it.
  std::optional<std::chrono::milliseconds> held = {};
  /// Of `unlocked`: whether the lease was lost before the release, or an operator took the lock off its holder.
  bool lost = false;
};

/// Name of a kind of event. Does not block, does not fail, thread-safe.
/// @param value The kind.
/// @return Static text: "locked", "unlocked", "gap".
DLOCK_API [[nodiscard]] const char* to_string(lock_event::kind value) noexcept;

/// Callback of client::subscribe(). It is called on a library thread, for one event at a time.
///
/// It may block (see subscription about slow callbacks), call every function of the library, and end its own
/// subscription. An exception from it is logged and swallowed.
using event_callback = std::function<void(const lock_event&)>;

/// What client::subscribe() returns. Events arrive as long as this object lives. Move-only. (The idea: mongo-dlock's
/// `lock` and `unlock` events.)
///
/// Order:
/// - Events of one process arrive in its order.
/// - Events of different processes arrive in the order in which the server got them. Neighbours may be swapped: an
///   `unlocked` may arrive after the next holder's `locked`. Compare the tokens.
///
/// Gaps: a `gap` replaces events that were missed. There are three cases:
/// - a callback was slow, and 1,000 events waited for it,
/// - the channel overwrote its oldest events before they were read,
/// - a process could not publish its events.
///
/// A broken connection loses nothing: missed events are fetched.
///
/// @par Thread safety
/// wait_until_open() and end() are thread-safe. Moving and destroying are not.
/// @par Blocking
/// Members do not block unless they say so.
class DLOCK_API subscription {
 public:
  /// Makes an empty subscription: it gets no events.
  subscription() noexcept;
  /// Takes over the other subscription.
  subscription(subscription&&) noexcept;
  /// Calls end(), then takes over the other subscription.
  /// @par Blocking
  /// Blocks as end().
  /// @return This object.
  subscription& operator=(subscription&&) noexcept;
  /// Calls end().
  /// @par Blocking
  /// Blocks as end().
  ~subscription();

  /// Waits until the client receives events: what happens after it returned true is reported.
  /// @par Blocking
  /// Blocks for at most `timeout`.
  /// @param timeout Limit in ms. 0 or less: only looks.
  /// @return True if the client receives events. False is not an error: the client goes on trying, and
  ///   client::notifications() has the problem. An empty subscription, or one whose client was closed, stays false.
  [[nodiscard]] bool wait_until_open(std::chrono::milliseconds timeout) const;

  /// Ends the subscription: no call of the callback begins any more. A second call does nothing.
  /// @par Blocking
  /// Blocks for at most 1 s: it waits for a call in progress, unless that call is on this very thread.
  void end() noexcept;

 private:
  friend class client;
  DLOCK_LOCAL explicit subscription(std::shared_ptr<detail::subscriber> s) noexcept;
  std::shared_ptr<detail::subscriber> subscriber_;
};

/// State of a client's notifications. A snapshot.
///
/// Notifications only make things faster. Without them, waiters poll their locks: after 50 ms, then at intervals that
/// double up to wait_lock_period.
struct notification_status {
  /// States.
  enum class state {
    idle,     ///< Not needed so far.
    working,  ///< Notifications work.
    failing,  ///< They do not work: see `problem`. The client tries again and again, and logs when they work.
  };
  state now = state::idle;  ///< The state.
  std::string problem;      ///< One line, without secrets; "" unless failing.
};

}  // namespace dlock
