#include "client/bus.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "client/feeds.hpp"
#include "util/clock.hpp"
#include "util/test_point.hpp"

namespace dlock {
namespace {

using protocol::ms;
using namespace std::chrono_literals;

/// An heir that nobody has heard of for so long may not have been told: the one who admitted it may be dead.
constexpr ms kOverdue = 100;
constexpr ms kToldAgain = 1000;  // and is not told again for so long
constexpr std::size_t kTold = 1000;
constexpr ms kYear9999 = 253'402'300'800'000;

class announcing_store final : public store {
 public:
  announcing_store(std::shared_ptr<store> where, std::shared_ptr<bus> by)
      : where_(std::move(where)), by_(std::move(by)) {}
  [[nodiscard]] answer apply(const protocol::request& r, lane which) override {
    answer a = where_->apply(r, which);
    if (a.what != answer::kind::no_answer) by_->server_answers();
    if (a.what == answer::kind::replied) by_->announce(r, a.reply);
    return a;
  }
  [[nodiscard]] std::vector<answer> apply_all(const protocol::batch& requests) override {
    auto all = where_->apply_all(requests);
    const auto answered = [](const answer& a) { return a.what != answer::kind::no_answer; };
    if (std::any_of(all.begin(), all.end(), answered)) by_->server_answers();
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].what == answer::kind::replied) by_->announce(requests[i], all[i].reply);
    }
    return all;
  }
  [[nodiscard]] look_answer read(const protocol::look& l) override { return where_->read(l); }

 private:
  std::shared_ptr<store> where_;
  std::shared_ptr<bus> by_;
};

}  // namespace

std::shared_ptr<store> announcing(std::shared_ptr<store> where, std::shared_ptr<bus> by) {
  return std::make_shared<announcing_store>(std::move(where), std::move(by));
}

bus::bus(std::shared_ptr<channel> where, std::string channel_name, std::string client, log_callback log,
         std::shared_ptr<environment> env)
    : where_(std::move(where)),
      name_(std::move(channel_name)),
      client_(std::move(client)),
      log_(std::move(log)),
      env_(std::move(env)),
      health_(std::make_shared<health>(log_)) {
  if (where_) outbox_ = std::make_unique<outbox>(where_, name_, health_, env_);
}

bus::~bus() {
  stop_listening(0ms);
}

void bus::expect(const std::string& id, const std::string& lock, const std::shared_ptr<waiter>& w) {
  const std::lock_guard lock_here(guard_);
  if (!stopped_) expected_.insert_or_assign(id, expected{lock, w});
}

void bus::forget(const std::string& id) {
  bool last = false;
  {
    const std::lock_guard lock(guard_);
    const auto it = expected_.find(id);
    if (it == expected_.end()) return;
    last = it->second.foreign && --foreign_ == 0;
    expected_.erase(it);
  }
  if (last) unfollow_events();
}

void bus::waits(const std::string& id, bool foreign) {
  if (!where_) return;
  {
    const std::lock_guard lock(guard_);
    const auto it = expected_.find(id);
    if (it == expected_.end()) return;
    follow_inbox();
    if (!foreign || it->second.foreign) return;
    it->second.foreign = true;
    ++foreign_;
  }
  follow_events();
}

void bus::follow_inbox() {
  if (inbox_ || stopped_) return;
  const auto heard = [self = weak_from_this()](const bson_t* d) {
    const auto b = self.lock();
    if (!b) return;
    if (const auto g = protocol::parse_grant(d)) b->grant(*g);
    if (const auto r = protocol::parse_revocation(d)) b->revoked(*r);
  };
  const auto opened = [self = weak_from_this()] {
    if (const auto b = self.lock()) b->nudge_all();
  };
  inbox_ = std::make_shared<follower>(where_, feed_of_inbox(name_, client_),
                                      channel::ear{.opened = opened, .heard = heard, .gap = [] {}}, health_,
                                      health::part::inbox, env_);
}

void bus::holds() {
  if (!where_) return;
  const std::lock_guard lock(guard_);
  follow_inbox();
}

bool bus::pushes(bool foreign) const {
  const std::lock_guard lock(guard_);
  const auto& from = foreign ? events_ : inbox_;
  return from && from->is_open();
}

void bus::grant(const protocol::grant& g) {
  std::shared_ptr<waiter> who;
  {
    const std::lock_guard lock(guard_);
    const auto it = expected_.find(g.id);
    if (it == expected_.end() || it->second.lock != g.lock) return;
    who = it->second.who;
  }
  who->granted(g, env_->now_ms());
}

void bus::revoked(const protocol::revocation& r) {
  std::shared_ptr<waiter> who;
  {
    const std::lock_guard lock(guard_);
    const auto it = expected_.find(r.id);
    if (it != expected_.end() && it->second.lock == r.lock) who = it->second.who;
  }
  if (who) who->nudged(false);  // an heir that has not heard of its grant: it will look
  if (on_revoked_) on_revoked_(r);
}

void bus::revoke(const std::string& client, const protocol::revocation& r) {
  if (client == client_) return revoked(r);
  if (outbox_) outbox_->tell(client, r);
}

void bus::nudge_all() {
  std::vector<std::shared_ptr<waiter>> all;
  {
    const std::lock_guard lock(guard_);
    for (const auto& [_, e] : expected_) all.push_back(e.who);
  }
  for (const auto& w : all) w->nudged(false);
}

bool bus::told_lately(const std::string& id) {
  const std::lock_guard lock(guard_);
  const auto now = env_->now_ms();
  if (told_.size() >= kTold) std::erase_if(told_, [&](const auto& t) { return t.second + kToldAgain <= now; });
  auto& when = told_[id];
  const bool lately = when != 0 && when + kToldAgain > now;
  if (!lately) when = now;
  return lately;
}

void bus::will_free(const std::string& id, protocol::announcement a, bool exclusive) {
  const std::lock_guard lock(guard_);
  to_free_.insert_or_assign(id, release{std::move(a), exclusive});
}

void bus::publish_grant(const protocol::announcement& a, bool exclusive) {
  const std::lock_guard lock(guard_);
  std::map<std::int64_t, std::string> before;  // by token
  for (const auto& [id, earlier] : to_free_) {
    const bool gone = exclusive || earlier.exclusive;
    if (gone && earlier.what.lock == a.lock && earlier.what.token < a.token) before.emplace(earlier.what.token, id);
  }
  for (const auto& [_, id] : before) publish(std::move(to_free_.extract(id).mapped().what));
  publish(a);
}

/// With the mutex, so that no grant is published in between.
void bus::freed(const std::string& id) {
  const std::lock_guard lock(guard_);
  if (auto node = to_free_.extract(id)) publish(std::move(node.mapped().what));
}

void bus::not_freed(const std::string& id) {
  const std::lock_guard lock(guard_);
  to_free_.erase(id);
}

void bus::announce(const protocol::request& r, const protocol::reply& a) {
  if (r.op == protocol::operation::release) test_point("committed");
  // First: an heir of this client tells of its own grant as soon as it knows.
  if (r.op == protocol::operation::release && a.found) freed(r.id);
  for (const auto& h : a.heirs) {
    const protocol::grant g{r.lock, h.id, h.fence, h.since};
    if (h.client == client_) {
      grant(g);
      continue;
    }
    // Whoever admitted it tells it; the others only if that seems not to have happened. A cancel is also what follows a
    // release whose answer was lost: nobody else may know of its heirs.
    const bool ours = h.since >= a.now || r.op == protocol::operation::cancel;
    if (!outbox_ || (!ours && a.now - h.since < kOverdue) || told_lately(h.id)) continue;
    outbox_->tell(h.client, g);
  }
}

void bus::publish(protocol::announcement a) {
  if (outbox_) outbox_->publish(std::move(a));
}

void bus::flush(std::chrono::milliseconds patience) {
  if (outbox_) outbox_->flush(patience);
}

std::shared_ptr<detail::subscriber> bus::subscribe(std::optional<std::string> id, event_callback callback,
                                                   std::shared_ptr<worker_pool> threads) {
  auto s = std::make_shared<detail::subscriber>(std::move(id), std::move(callback), log_, std::move(threads));
  s->on_end = [self = weak_from_this()] {
    if (const auto b = self.lock()) b->unfollow_events();
  };
  s->wait_until_open = [self = weak_from_this()](std::chrono::milliseconds timeout) {
    std::shared_ptr<follower> events;
    if (const auto b = self.lock()) {
      const std::lock_guard lock(b->guard_);
      events = b->events_;
    }
    return events && events->wait_until_open(timeout);
  };
  subscribers_.add(s);
  follow_events();
  return s;
}

void bus::follow_events() {
  const std::lock_guard lock(guard_);
  if (!where_ || events_ || stopped_) return;
  events_ = std::make_shared<follower>(where_, feed_of_events(name_),
                                       channel::ear{.opened =
                                                        [self = weak_from_this()] {
                                                          if (const auto b = self.lock()) b->nudge_foreign({});
                                                        },
                                                    .heard =
                                                        [self = weak_from_this()](const bson_t* d) {
                                                          if (const auto b = self.lock()) b->heard_event(d);
                                                        },
                                                    .gap =
                                                        [self = weak_from_this()] {
                                                          if (const auto b = self.lock()) b->deliver_gap();
                                                        }},
                                       health_, health::part::events, env_);
}

/// Each follower costs the server something for every event.
void bus::unfollow_events() {
  if (subscribers_.size() > 0) return;
  std::shared_ptr<follower> ended;
  {
    const std::lock_guard lock(guard_);
    if (foreign_ > 0) return;
    ended.swap(events_);
  }
  if (ended) ended->stop(0ms);
  if (subscribers_.size() > 0) follow_events();  // somebody came meanwhile
}

void bus::nudge_foreign(const std::string& lock) {
  std::vector<std::shared_ptr<waiter>> theirs;
  {
    const std::lock_guard here(guard_);
    for (const auto& [_, e] : expected_) {
      if (e.foreign && (lock.empty() || e.lock == lock)) theirs.push_back(e.who);
    }
  }
  for (const auto& w : theirs) w->nudged(true);
}

/// Of an event; anybody may have written anything.
std::chrono::system_clock::time_point bus::time_of(ms at) const {
  return at > 0 && at < kYear9999 ? system_time(at) : env_->time_of_day();
}

void bus::heard_event(const bson_t* document) {
  if (protocol::is_gap(document)) return deliver_gap();
  const auto a = protocol::parse_announcement(document);
  if (!a) return;
  if (!a->locked) nudge_foreign(a->lock);
  using kind = lock_event::kind;
  subscribers_.deliver({a->locked ? kind::locked : kind::unlocked, a->lock, a->token, a->who, time_of(a->at)});
}

void bus::deliver_gap() {
  subscribers_.deliver({lock_event::kind::gap, "", 0, "", env_->time_of_day()});
}

void bus::stop_listening(std::chrono::milliseconds patience) {
  std::shared_ptr<follower> inbox, events;
  {
    const std::lock_guard lock(guard_);
    stopped_ = true;
    inbox.swap(inbox_);
    events.swap(events_);
    expected_.clear();
    foreign_ = 0;
  }
  if (inbox) inbox->stop(patience / 2);
  if (events) events->stop(patience / 2);
}

}  // namespace dlock
