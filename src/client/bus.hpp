#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "client/follower.hpp"
#include "client/health.hpp"
#include "client/outbox.hpp"
#include "client/subscribers.hpp"
#include "protocol/document.hpp"
#include "protocol/event.hpp"
#include "store/store.hpp"
#include "util/environment.hpp"

namespace dlock {

/// How a client tells and is told: heirs of their grants, everybody of what happens to locks. All of it is hints;
/// without a channel, or with one that does not work, nothing but speed is lost.
class bus : public std::enable_shared_from_this<bus> {
 public:
  /// Somebody who waits in a queue. Called on threads of the bus; must not block.
  class waiter {
   public:
    virtual ~waiter() = default;
    virtual void granted(const protocol::grant& g, protocol::ms heard) = 0;
    /// Grants may have been missed; or `foreign`: mongo-dlock released the lock.
    virtual void nudged(bool foreign) = 0;
  };

  /// `where` may be null.
  bus(std::shared_ptr<channel> where, std::string channel_name, std::string client, log_callback log,
      std::shared_ptr<environment> env);
  bus(const bus&) = delete;
  bus& operator=(const bus&) = delete;
  ~bus();

  // --- being woken --------------------------------------------------------------------------------------------------
  /// From now on `w` is told of a grant of acquisition `id`. Before its first request is sent: the grant may come
  /// before the answer.
  void expect(const std::string& id, const std::string& lock, const std::shared_ptr<waiter>& w);
  void forget(const std::string& id);
  /// It stands in the queue, behind mongo-dlock perhaps: makes sure that its inbox, or the events, are followed.
  void waits(const std::string& id, bool foreign);
  /// Who hears of notices that a lock of ours was revoked; only the server knows whether it was. Called on threads of
  /// the bus, must not block. Set before anything else is done with it.
  void on_revoked(std::function<void(const protocol::revocation&)> listener) { on_revoked_ = std::move(listener); }
  /// Who hears that the server has answered something. As on_revoked().
  void on_answer(std::function<void()> listener) { on_answer_ = std::move(listener); }
  void server_answers() const {
    if (on_answer_) on_answer_();
  }
  /// Makes sure that the inbox is followed: somebody holds a lock, which may be revoked.
  void holds();
  /// Whether grants, or `foreign`: mongo-dlock's releases, are heard of just now.
  [[nodiscard]] bool pushes(bool foreign) const;

  // --- telling ------------------------------------------------------------------------------------------------------
  /// An answer, acknowledged by a majority, may name heirs: they are told. `r` is what was asked.
  void announce(const protocol::request& r, const protocol::reply& a);
  /// Tells the holder, which may be one of this client's.
  void revoke(const std::string& client, const protocol::revocation& r);
  void publish(protocol::announcement a);
  /// Publishes a grant. If it or an earlier one is exclusive, that earlier holder has lost or freed the lock. A release
  /// of this client that is on its way is then published first, although its answer has not been read yet.
  void publish_grant(const protocol::announcement& a, bool exclusive);
  /// What is to be published, once, when the release of `id` has freed the lock: when an answer says so, or freed().
  void will_free(const std::string& id, protocol::announcement a, bool exclusive);
  void freed(const std::string& id);
  void not_freed(const std::string& id);
  /// outbox::flush()
  void flush(std::chrono::milliseconds patience);

  // --- events -------------------------------------------------------------------------------------------------------
  [[nodiscard]] std::shared_ptr<detail::subscriber> subscribe(std::optional<std::string> id, event_callback callback,
                                                              std::shared_ptr<worker_pool> threads);

  [[nodiscard]] notification_status status() const { return health_->now(); }

  /// Nobody waits or listens any more; heirs are still told. Waits for its threads, at most `patience`.
  void stop_listening(std::chrono::milliseconds patience);

 private:
  struct expected {
    std::string lock;
    std::shared_ptr<waiter> who;
    bool foreign = false;
  };
  void grant(const protocol::grant& g);
  void revoked(const protocol::revocation& r);
  void follow_inbox();  // with guard_ held
  void nudge_all();
  /// Those behind mongo-dlock's lock with this id; empty: any.
  void nudge_foreign(const std::string& lock);
  void heard_event(const bson_t* document);
  void deliver_gap();
  [[nodiscard]] std::chrono::system_clock::time_point time_of(protocol::ms at) const;
  void follow_events();
  void unfollow_events();
  [[nodiscard]] bool told_lately(const std::string& id);

  const std::shared_ptr<channel> where_;
  const std::string name_;
  const std::string client_;
  const log_callback log_;
  const std::shared_ptr<environment> env_;
  std::function<void(const protocol::revocation&)> on_revoked_;
  std::function<void()> on_answer_;
  const std::shared_ptr<health> health_;
  subscribers subscribers_;
  std::unique_ptr<outbox> outbox_;

  mutable std::mutex guard_;
  bool stopped_ = false;
  std::map<std::string, expected> expected_;
  std::size_t foreign_ = 0;  // of them, behind mongo-dlock
  struct release {
    protocol::announcement what;
    bool exclusive = false;
  };
  std::map<std::string, release> to_free_;
  std::map<std::string, protocol::ms> told_;  // heirs that we told, and when
  std::shared_ptr<follower> inbox_;
  std::shared_ptr<follower> events_;
};

/// A store whose answers are announced.
[[nodiscard]] std::shared_ptr<store> announcing(std::shared_ptr<store> where, std::shared_ptr<bus> by);

}  // namespace dlock
