#pragma once

/// @file
/// Leader election.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <dlock/acquire.hpp>
#include <dlock/client.hpp>
#include <dlock/export.hpp>
#include <dlock/lease.hpp>
#include <dlock/options.hpp>

namespace dlock {

namespace detail {
class observer;
}

/// The leader of an election. A snapshot: it may be out of date when you read it. Only the leader's own lease says that
/// it still leads.
struct leader_info {
  std::string who;                              ///< The client's description (client_options::who). Use printable().
  std::string value;                            ///< The value that it publishes. Use printable() to show it.
  std::int64_t token = 0;                       ///< Its fencing token, higher for each leader; 0: somebody edited it.
  std::chrono::system_clock::time_point since;  ///< Time of its grant, by the server's clock.
};

/// Callback of election::observe(). Its argument is the leader, or std::nullopt if nobody leads.
using leader_callback = std::function<void(const std::optional<leader_info>&)>;

/// What election::observe() returns. Its callback is called as long as this object lives. Move-only.
///
/// @par Thread safety
/// Not thread-safe.
/// @par Blocking
/// Members do not block unless they say so.
class DLOCK_API observation {
 public:
  /// Makes an empty observation: it has no callback.
  observation() noexcept;
  /// Takes over the other observation.
  observation(observation&&) noexcept;
  /// Calls end(), then takes over the other observation.
  /// @par Blocking
  /// Blocks as end().
  /// @return This object.
  observation& operator=(observation&&) noexcept;
  /// Calls end().
  /// @par Blocking
  /// Blocks as end().
  ~observation();

  /// Ends the observation: no call of the callback begins any more. A second call does nothing.
  /// @par Blocking
  /// Blocks for at most 1 s: it waits for a call in progress, unless that call is on this very thread.
  void end() noexcept;

 private:
  friend class election;
  DLOCK_LOCAL explicit observation(std::shared_ptr<detail::observer> o) noexcept;
  std::shared_ptr<detail::observer> observer_;
};

/// An election: one of the candidates is the leader. When it resigns or loses its lease, the next candidate becomes the
/// leader. (The idea and the words: etcd's elections.)
///
/// @code{.cpp}
/// dlock::election cluster{locks, "scheduler"};
/// if (auto leading = cluster.campaign("10.0.0.7:8080")) schedule(leading->token(), leading->lost());
/// @endcode
///
/// An election is a mutex whose holder publishes a value. So, as with a mutex:
/// - A leader is told of its loss before another candidate can be elected.
/// - Candidates are elected in the order in which they came.
/// - The token is a fencing token.
///
/// One object is one candidate. Move-only. An object that was moved from may only be assigned or destroyed.
///
/// @par Thread safety
/// All members are thread-safe, except moving and destroying.
/// @par Blocking
/// Members do not block unless they say so.
class DLOCK_API election {
 public:
  /// Makes a candidate. Does no I/O. See mutex::mutex(client&, lock_options).
  /// @param owner The client.
  /// @param options Id and settings. Settings that are not given come from the client.
  /// @throws dlock::error with errc::invalid_argument if an id or duration is not valid.
  /// @throws dlock::error with errc::closed if the client was moved from.
  /// @throws dlock::error with errc::forked in a forked child.
  election(client& owner, lock_options options);
  /// As election(client&, lock_options), with the client's settings.
  /// @param owner The client.
  /// @param id The election's id: 1 to 1,000 bytes of UTF-8 without NUL.
  election(client& owner, std::string id);
  /// Destroys the object, not the lease: see mutex::~mutex().
  /// @par Blocking
  /// Blocks as mutex::~mutex().
  ~election();
  /// Takes over the other object's state.
  election(election&&) noexcept;
  /// Takes over the other object's state.
  /// @par Blocking
  /// Blocks as mutex::~mutex().
  /// @return This object.
  election& operator=(election&&) noexcept;

  /// The election's id, which is the id of its lock. @return UTF-8.
  [[nodiscard]] const std::string& id() const;

  /// Waits until this object is the leader: see mutex::acquire().
  /// @par Blocking
  /// Blocks for at most `options.timeout` plus 100 ms. See wait_options::timeout for no timeout, and for 0 or less.
  /// @param value What others see of this leader, for example an address. At most 1,024 bytes of UTF-8 without NUL.
  /// @param options How to wait.
  /// @return Any outcome. outcome::busy only if the timeout is 0 or less.
  /// @throws dlock::error as mutex::acquire(), and with errc::invalid_argument if `value` is not valid.
  /// @throws ... whatever `options.on_wait` throws.
  acquisition campaign(std::string value = {}, wait_options options = {});

  /// campaign() without a thread that waits: see mutex::async_acquire().
  /// @param value As for campaign().
  /// @param options How to wait.
  /// @param callback The function to call with the result.
  /// @throws dlock::error as mutex::async_acquire(), and with errc::invalid_argument if `value` is not valid.
  void async_campaign(std::string value, wait_options options, acquire_callback callback);

  /// Publishes another value.
  /// @par Blocking
  /// Blocks for at most operation_timeout plus 100 ms.
  /// @param value As for campaign().
  /// @return False if this object does not lead, or does not lead any more.
  /// @throws dlock::error with errc::invalid_argument if `value` is not valid.
  /// @throws dlock::error with errc::unavailable (retryable, perhaps in doubt) if no answer came in time. This object
  ///   still leads, with the old value or the new one. Call again.
  /// @throws dlock::error with errc::not_a_lock if somebody edited the lock's document.
  /// @throws dlock::error see @ref client_errors "Errors of the client".
  [[nodiscard]] bool proclaim(std::string value);

  /// Gives up the lead: see mutex::release().
  /// @par Blocking
  /// Blocks for at most operation_timeout plus 100 ms.
  /// @return What the release did; release_result::not_held if this object does not lead.
  /// @throws dlock::error as mutex::release().
  [[nodiscard]] release_result resign();

  /// Asks the server who leads.
  /// @par Blocking
  /// Blocks for at most operation_timeout plus 100 ms.
  /// @return A snapshot. std::nullopt: nobody leads.
  /// @throws dlock::error see @ref client_errors "Errors of the client".
  [[nodiscard]] std::optional<leader_info> leader() const;

  /// Calls `callback` with the present leader, and then at each change: another leader, no leader, another value. (The
  /// idea: etcd's Observe.)
  ///
  /// Changes are pushed. A leader that died, and any change while notifications do not work, are found by polling:
  /// every wait_lock_period, and when the leader's lease ends. Of changes in quick succession, only the last one may be
  /// reported.
  ///
  /// The callback is called on a library thread, one call at a time. It may block, call every function, and end its own
  /// observation. An exception from it is logged.
  ///
  /// While the server does not answer, there are no calls, and the log has a warning. After the client was closed,
  /// there are none.
  /// @param callback The function to call.
  /// @return The observation. Keep it: its destructor ends it.
  /// @throws dlock::error with errc::invalid_argument if `callback` is empty.
  /// @throws dlock::error with errc::closed or errc::forked.
  [[nodiscard]] observation observe(leader_callback callback);

 private:
  std::shared_ptr<detail::lock_core> core_;
};

}  // namespace dlock
