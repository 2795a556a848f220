#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include <dlock/lease.hpp>

#include "protocol/document.hpp"
#include "util/worker_pool.hpp"

namespace dlock {

/// The state of one lease, shared by the user's handle and the keeper. It owns nothing of the client, so that
/// whichever thread lets go of it last has nothing to stop or to wait for.
class lease_record {
 public:
  enum class phase { held, releasing, in_doubt, released, lost };

  struct grant {
    std::int64_t token = 0;
    protocol::ms since = 0;  // by the server's clock,
    protocol::ms begin = 0;  // and by ours, at the latest
    protocol::ms heard = 0;  // when it was heard of, by ours
  };

  lease_record(protocol::request ask, grant granted, protocol::ms valid_until);

  [[nodiscard]] const std::string& lock() const { return ask_.lock; }
  [[nodiscard]] const std::string& owner() const { return ask_.id; }
  [[nodiscard]] std::int64_t token() const { return granted_.token; }
  [[nodiscard]] const grant& granted() const { return granted_; }
  /// The request of this acquisition, as `op`.
  [[nodiscard]] protocol::request ask(protocol::operation op) const;

  [[nodiscard]] protocol::ms valid_until() const { return valid_until_.load(std::memory_order_relaxed); }
  /// Hints for the short form (request::brief), which needs none for what is held exclusively: nobody else asked for
  /// the lock since it was acquired in short; it was free after its release.
  void seen_alone(bool alone) { alone_ = alone; }
  [[nodiscard]] bool alone() const { return alone_; }
  void left_free(bool free) { left_free_ = free; }
  [[nodiscard]] bool left_free() const { return left_free_; }

  /// A downgrade was sent: others may hold the lock beside this acquisition.
  void may_be_shared() { may_be_shared_ = true; }
  [[nodiscard]] bool is_exclusive() const { return ask_.what.exclusive && !may_be_shared_; }

  /// The number of the next amend, so that the server can tell a late copy of an earlier one.
  [[nodiscard]] std::int64_t next_amendment() { return ++amendments_; }
  /// The last one.
  [[nodiscard]] std::int64_t amendments() const { return amendments_; }

  /// A request of this acquisition went without an answer before it was granted, and may yet arrive.
  void doubtful(bool doubt) { doubtful_ = doubt; }
  [[nodiscard]] bool is_doubtful() const { return doubtful_; }

  /// A renewal succeeded. Ignored once the lease is not held any more.
  void extend(protocol::ms valid_until);
  [[nodiscard]] bool held(protocol::ms now) const;
  [[nodiscard]] phase now() const;

  /// held or in_doubt -> releasing. Returns the phase it found; only the caller that found one of these two releases.
  [[nodiscard]] phase begin_release();
  /// For whoever releases: how long it is to stay taken after its grant, the longest that any release of it has asked.
  /// What is repeated without must not cut short what is in doubt.
  [[nodiscard]] protocol::ms keep_at_least(protocol::ms keep);
  /// releasing -> what came of it.
  void end_release(phase result);

  /// held -> lost: fires the stop token and the callbacks, each on a thread of `notices`. Later calls do nothing.
  /// `why`, for people.
  void lose(worker_pool& notices, loss_reason reason, const std::string& why);
  [[nodiscard]] std::string loss() const;
  [[nodiscard]] loss_reason reason() const;
  /// True once: what was lost is to be given back by the caller, should the server still count it as held.
  [[nodiscard]] bool give_up() { return !given_up_.exchange(true); }

  void revoked() { revoked_ = true; }
  [[nodiscard]] bool is_revoked() const { return revoked_; }

  [[nodiscard]] std::stop_token lost() const { return stop_.get_token(); }
  void on_lost(std::function<void()> callback, worker_pool& notices);

 private:
  const protocol::request ask_;
  const grant granted_;
  std::atomic<protocol::ms> valid_until_;
  std::atomic<phase> phase_{phase::held};
  std::atomic<std::int64_t> amendments_{0};
  std::atomic<bool> alone_{false};
  std::atomic<bool> may_be_shared_{false};
  std::atomic<bool> left_free_{false};
  std::atomic<bool> doubtful_{false};
  std::atomic<bool> given_up_{false};
  std::atomic<bool> revoked_{false};
  std::stop_source stop_;
  mutable std::mutex guard_;  // phase_ changes, and what follows
  std::vector<std::function<void()>> callbacks_;
  std::string loss_;
  loss_reason reason_ = loss_reason::none;
  protocol::ms keep_ = 0;
};

}  // namespace dlock
