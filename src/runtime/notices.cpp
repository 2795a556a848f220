// The threads of the monitor that use the channel: they send notices and events to others, and receive them.
#include <algorithm>
#include <array>
#include <utility>

#include <dlock/text.hpp>

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
constexpr std::size_t kMostToTell = 10'000;  // events that wait for a thread which tells the subscribers

}  // namespace

// --- whether it works
// --------------------------------------------------------------------------------------------------

void monitor::on_event(const engine::notifications_changed& e, effects& out) {
  static constexpr std::array names{"being woken", "receiving events of locks", "waking others and publishing events"};
  const std::string what = std::string("notifications (") + names.at(static_cast<std::size_t>(e.which)) + ")";
  if (e.works) {
    out.log.emplace_back(log_level::info, what + " work again");
  } else {
    out.log.emplace_back(log_level::warning, what + " do not work: " + e.why + "; waiters poll their locks instead");
  }
}

// --- telling --------------------------------------------------------------------------------------------------------

void monitor::send_notices() {
  std::optional<engine::outbox::notice> next;
  step([&](auto& e, ms) {
    --notice_jobs_;
    next = e.next_notice();
  });
  while (next) {
    const auto& to = next->client;
    std::vector<bson> one;
    if (const auto* const g = std::get_if<protocol::grant>(&next->what)) {
      one.push_back(protocol::grant_document(to, *g));
    } else if (const auto* const r = std::get_if<protocol::revocation>(&next->what)) {
      one.push_back(protocol::revocation_document(to, *r));
    } else {
      one.push_back(protocol::recall_document(to, std::get<protocol::recall>(next->what)));
    }
    const answer a = channel_->insert(feed_of_inbox(name_, to), one);
    next.reset();
    step([&](auto& e, ms) {
      e.report(engine::part::outbox, a);
      e.notice_done();
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
    next.reset();
    step([&](auto& e, ms now) {
      e.report(engine::part::outbox, a);
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

std::shared_ptr<follower> monitor::follow(engine::part feed) {
  const bool inbox = feed == engine::part::inbox;
  follower::listener to;
  to.opened = [weak = weak_from_this(), feed] {
    if (const auto self = weak.lock()) self->step([feed](auto& e, ms now) { e.opened(feed, now); });
  };
  to.broke = [weak = weak_from_this(), feed](const std::string& why) {
    ms again = 0;
    if (const auto self = weak.lock()) self->step([&](auto& e, ms now) { again = e.broke(feed, why, now); });
    return again;
  };
  to.heard = [weak = weak_from_this(), inbox](const bson_t* d) {
    if (const auto self = weak.lock()) inbox ? self->heard_notice(d) : self->heard_event(d);
  };
  if (!inbox) {
    to.gap = [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->gap();
    };
  }
  return std::make_shared<follower>(channel_, inbox ? feed_of_inbox(name_, id_) : feed_of_events(name_), std::move(to),
                                    env_);
}

/// Follows the feeds that are wanted, and no others: each follower costs the server something for every event. Must not
/// be called with guard_ held.
void monitor::adjust_feeds() {
  if (!channel_) return;
  std::vector<engine::part> failed;
  {
    const std::lock_guard feeds(feeds_guard_);
    if (!listens_) return;
    const auto wants = [this](engine::part feed) {
      const std::lock_guard lock(guard_);
      return engine_.wants(feed);
    };
    const auto begin = [&](std::shared_ptr<follower>& at, engine::part feed) {
      at = follow(feed);
      if (!at->start()) failed.push_back(feed);
    };
    if (!inbox_feed_ && wants(engine::part::inbox)) begin(inbox_feed_, engine::part::inbox);
    const bool events = wants(engine::part::events);
    if (events && !events_feed_) begin(events_feed_, engine::part::events);
    if (!events && events_feed_) {
      events_feed_->stop(0ms);
      events_feed_.reset();
      const std::lock_guard lock(guard_);
      engine_.closed(engine::part::events);
    }
  }
  for (const auto feed : failed) {
    step([feed](auto& e, ms now) { (void)e.broke(feed, "no thread can be started", now); });
  }
}

bool monitor::wait_until_open(std::chrono::milliseconds timeout) {
  bool open = false;
  const auto over = [&](const auto& e) {
    open = e.is_open(engine::part::events);
    return open || e.is_closing();
  };
  (void)await(over, std::clamp(timeout, 0ms, std::chrono::milliseconds{longest_wait}));
  return open;
}

notification_status monitor::notifications() {
  const std::lock_guard lock(guard_);
  auto out = engine_.notifications();
  out.problem = printable(out.problem);
  return out;
}

void monitor::heard_notice(const bson_t* document) {
  if (const auto g = protocol::parse_grant(document)) {
    test_point("heir");
    step([&](auto& e, ms now) { e.heard(*g, now); });
  }
  if (const auto r = protocol::parse_recall(document)) step([&](auto& e, ms now) { e.heard(*r, now); });
  if (const auto r = protocol::parse_revocation(document)) step([&](auto& e, ms now) { e.heard(*r, now); });
}

void monitor::heard_event(const bson_t* document) {
  if (protocol::is_gap(document)) return gap();
  const auto a = protocol::parse_announcement(document);
  if (!a) return;
  step([&](auto& e, ms now) { e.heard(*a, now); });
}

void monitor::gap() {
  step([](auto& e, ms now) { e.heard_gap(now); });
}

void monitor::on_event(const engine::subscriber_event& e, effects& /*out*/) {
  using kind = lock_event::kind;
  const auto& a = e.what;
  // Nobody may tell them for long: callbacks can have all threads. Then one gap stands for what comes.
  if (to_tell_.size() >= kMostToTell) {
    if (to_tell_.back().what != kind::gap) to_tell_.push_back({kind::gap, "", 0, "", env_->time_of_day()});
    return;
  }
  // Anybody may have written the document, so its time may be any number.
  const auto at = a && a->at > 0 && a->at < kYear9999 ? system_time(a->at) : env_->time_of_day();
  if (!a) {
    to_tell_.push_back({kind::gap, "", 0, "", at});
  } else {
    lock_event told{a->locked ? kind::locked : kind::unlocked, a->lock, a->token, a->who, at};
    if (a->waited) told.waited = std::chrono::milliseconds{*a->waited};
    if (a->held) told.held = std::chrono::milliseconds{*a->held};
    told.lost = a->lost;
    to_tell_.push_back(std::move(told));
  }
}

/// One thread at a time tells the subscribers, so that all hear the events in the order of the steps. It is not that of
/// a caller, because others may have more to tell all the time.
void monitor::tell_subscribers() {
  for (;;) {
    std::vector<lock_event> all;
    {
      const std::lock_guard lock(guard_);
      all.swap(to_tell_);
      tells_ = !all.empty();
      if (!tells_) return;
    }
    for (const auto& each : all) subscribers_.deliver(each);
  }
}

std::shared_ptr<subscriber> monitor::subscribe(std::optional<std::string> id, event_callback callback) {
  auto s = std::make_shared<subscriber>(std::move(id), std::move(callback), log_, callbacks_);
  const auto count = [weak = weak_from_this()](int more) {
    if (const auto self = weak.lock()) self->step([more](auto& e, ms) { e.subscribed(more); });
  };
  s->on_end = [count] { count(-1); };
  s->wait_until_open = [weak = weak_from_this()](std::chrono::milliseconds timeout) {
    const auto self = weak.lock();
    return self && self->wait_until_open(timeout);
  };
  subscribers_.add(s);
  count(1);
  return s;
}

std::shared_ptr<observer> monitor::observe(const std::string& election, ms period, leader_callback callback) {
  auto o = std::make_shared<observer>(election, std::move(callback), log_);
  step([&](auto& e, ms now) {
    const auto c = e.observe(election, period, now);
    observers_.emplace(c, o);
    o->on_end = [weak = weak_from_this(), c] {
      const auto self = weak.lock();
      if (!self) return;
      self->step([&](auto& with, ms) {
        self->observers_.erase(c);
        with.stop_observing(c);
      });
    };
  });
  return o;
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
  notice_senders_->stop(50ms);
  publisher_->stop(50ms);
  const std::lock_guard lock(guard_);
  ended_ = true;
}

}  // namespace dlock::detail
