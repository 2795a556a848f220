// The threads of the monitor that use the channel: they send notices and events to others, and receive them.
#include <algorithm>
#include <utility>

#include "protocol/event.hpp"
#include "runtime/feeds.hpp"
#include "runtime/monitor.hpp"
#include "util/clock.hpp"
#include "util/test_point.hpp"

namespace dlock::detail {
namespace {

using namespace std::chrono_literals;
using protocol::ms;

constexpr ms kYear9999 = 253'402'300'800'000;

}  // namespace

// --- telling --------------------------------------------------------------------------------------------------------

void monitor::tell() {
  std::optional<engine::outbox::notice> next;
  step([&](auto& e, ms) {
    --telling_;
    next = e.next_notice();
  });
  while (next) {
    const auto& to = next->client;
    std::vector<bson> one;
    if (const auto* const g = std::get_if<protocol::grant>(&next->what)) {
      one.push_back(protocol::grant_document(to, *g));
    } else {
      one.push_back(protocol::revocation_document(to, std::get<protocol::revocation>(next->what)));
    }
    health_->report(health::part::outbox, channel_->insert(feed_of_inbox(name_, to), one));
    next.reset();
    step([&](auto& e, ms) {
      e.told();
      next = e.next_notice();
    });
  }
}

void monitor::publish() {
  std::optional<engine::outbox::batch> next;
  const auto take = [&](auto& e, ms now) {
    next = e.next_publication(now);
    if (!next) publishing_ = false;
  };
  step(take);
  while (next) {
    std::vector<bson> all;
    for (const auto& a : *next) all.push_back(a ? protocol::announcement_document(*a) : protocol::gap_document());
    const answer a = channel_->insert(feed_of_events(name_), all);
    health_->report(health::part::outbox, a);
    next.reset();
    step([&](auto& e, ms now) {
      e.published(a.what == answer::kind::replied, a.in_doubt, now);
      take(e, now);
    });
  }
}

void monitor::flush(std::chrono::milliseconds patience) {
  step([](auto& e, ms now) { e.hurry(now); });
  (void)await([](const auto& e) { return e.is_quiet(); }, patience);
}

// --- hearing --------------------------------------------------------------------------------------------------------

std::shared_ptr<follower> monitor::follow_inbox() {
  const auto opened = [weak = weak_from_this()](bool open) {
    if (const auto self = weak.lock()) self->step([open](auto& e, ms now) { e.inbox_opened(open, now); });
  };
  const auto heard = [weak = weak_from_this()](const bson_t* d) {
    const auto self = weak.lock();
    if (!self) return;
    if (const auto g = protocol::parse_grant(d)) {
      test_point("heir");
      self->step([&](auto& e, ms now) { e.heard(*g, now); });
    }
    if (const auto r = protocol::parse_revocation(d)) self->step([&](auto& e, ms now) { e.heard(*r, now); });
  };
  return std::make_shared<follower>(channel_, feed_of_inbox(name_, id_),
                                    follower::listener{.opened = opened, .heard = heard}, health_, health::part::inbox,
                                    env_);
}

std::shared_ptr<follower> monitor::follow_events() {
  const auto opened = [weak = weak_from_this()](bool open) {
    if (const auto self = weak.lock()) self->step([open](auto& e, ms now) { e.events_opened(open, now); });
  };
  const auto heard = [weak = weak_from_this()](const bson_t* d) {
    if (const auto self = weak.lock()) self->heard_event(d);
  };
  const auto missed = [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->gap();
  };
  return std::make_shared<follower>(channel_, feed_of_events(name_),
                                    follower::listener{.opened = opened, .heard = heard, .gap = missed}, health_,
                                    health::part::events, env_);
}

/// Follows the feeds that are wanted, and no others: each follower costs the server something for every event. Must not
/// be called with guard_ held.
void monitor::adjust_feeds() {
  if (!channel_) return;
  const std::lock_guard feeds(feeds_guard_);
  if (!listens_) return;
  bool inbox = false, events = false;
  {
    const std::lock_guard lock(guard_);
    inbox = engine_.wants_inbox();
    events = engine_.wants_events() || subscriptions_ > 0;
  }
  if (inbox && !inbox_feed_) inbox_feed_ = follow_inbox();
  if (events && !events_feed_) events_feed_ = follow_events();
  if (events || !events_feed_) return;
  events_feed_->stop(0ms);
  events_feed_.reset();
  const std::lock_guard lock(guard_);
  engine_.events_opened(false, env_->now_ms());
}

void monitor::heard_event(const bson_t* document) {
  if (protocol::is_gap(document)) return gap();
  const auto a = protocol::parse_announcement(document);
  if (!a) return;
  if (!a->locked) step([&](auto& e, ms now) { e.heard_release(a->lock, now); });
  // The time of the event. Anybody may have written the document, so its time may be any number.
  const auto at = a->at > 0 && a->at < kYear9999 ? system_time(a->at) : env_->time_of_day();
  using kind = lock_event::kind;
  subscribers_.deliver({a->locked ? kind::locked : kind::unlocked, a->lock, a->token, a->who, at});
}

void monitor::gap() {
  subscribers_.deliver({lock_event::kind::gap, "", 0, "", env_->time_of_day()});
}

std::shared_ptr<subscriber> monitor::subscribe(std::optional<std::string> id, event_callback callback) {
  auto s = std::make_shared<subscriber>(std::move(id), std::move(callback), log_, callbacks_);
  s->on_end = [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    --self->subscriptions_;
    self->adjust_feeds();
  };
  s->wait_until_open = [weak = weak_from_this()](std::chrono::milliseconds timeout) {
    std::shared_ptr<follower> events;
    if (const auto self = weak.lock()) {
      const std::lock_guard lock(self->feeds_guard_);
      events = self->events_feed_;
    }
    return events && events->wait_until_open(timeout);
  };
  ++subscriptions_;
  subscribers_.add(s);
  adjust_feeds();
  return s;
}

// --- the end --------------------------------------------------------------------------------------------------------

void monitor::stop_listening(std::chrono::milliseconds patience) {
  std::shared_ptr<follower> inbox, events;
  {
    const std::lock_guard feeds(feeds_guard_);
    listens_ = false;
    inbox.swap(inbox_feed_);
    events.swap(events_feed_);
  }
  step([](auto& e, ms) { e.stop_listening(); });
  if (inbox) inbox->stop(patience / 2);
  if (events) events->stop(patience / 2);
}

void monitor::stop(std::chrono::milliseconds patience) {
  for (const auto& pool : {io_, callbacks_, completions_, renewers_}) pool->stop(0ms);
  const ms end = env_->now_ms() + patience.count();
  for (const auto& pool : {renewers_, io_, callbacks_, completions_}) {
    pool->stop(std::chrono::milliseconds{std::max<ms>(end - env_->now_ms(), 0)});
  }
}

void monitor::end() {
  tellers_->stop(50ms);
  publisher_->stop(50ms);
  const std::lock_guard lock(guard_);
  ended_ = true;
}

}  // namespace dlock::detail
