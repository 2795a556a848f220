#include "client/client_core.hpp"

#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <random>

#include "client/answering.hpp"
#include "client/call.hpp"
#include "client/combiner.hpp"
#include "util/clock.hpp"
#include "util/identity.hpp"
#include "util/test_point.hpp"
#include "util/text.hpp"

namespace dlock::detail {
namespace {

using namespace std::chrono_literals;
using protocol::ms;

constexpr ms kUndoPatience = 400;  // a cancelled wait stays so long to leave the queue properly
constexpr auto kClosePatience = 800ms;
constexpr auto kListenPatience = 100ms;
constexpr std::chrono::milliseconds kFlushPatience{300};
constexpr auto kEndPatience = 300ms;       // for the threads, but not what is still to be told
constexpr std::size_t kRemembered = 1000;  // locks

double jitter() {
  thread_local std::minstd_rand generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

std::vector<protocol::abandoned> rest_of(const std::vector<protocol::abandoned>& all, std::size_t done) {
  return {all.begin() + static_cast<std::ptrdiff_t>(std::min(done, all.size())), all.end()};
}

std::optional<holder_info> who_holds(const protocol::reply& r) {
  if (r.foreign_until)
    return holder_info{"", 0, std::chrono::milliseconds{std::max<ms>(0, *r.foreign_until - r.now)}, true};
  if (!r.first) return std::nullopt;
  return holder_info{r.first->who, r.first->fence, std::chrono::milliseconds{std::max<ms>(0, r.first->until - r.now)},
                     false};
}

std::string kind_of(std::int64_t cap) {
  return cap == 0 ? "a mutex or shared lock" : "a semaphore with " + std::to_string(cap) + " permits";
}

}  // namespace

client_core::client_core(client_options options, std::shared_ptr<store> where, std::shared_ptr<channel> notices,
                         std::shared_ptr<worker_pool> io, std::shared_ptr<logger> log)
    : options_(std::move(options)),
      client_id_(fresh_uuid()),
      pid_(getpid()),
      activity_(std::make_shared<activity>()),
      bus_(std::make_shared<bus>(std::move(notices), options_.notif_channel, client_id_, writer(log))),
      store_(announcing(combining(std::move(where)), bus_)),
      notices_(std::make_shared<worker_pool>(static_cast<std::size_t>(-1))),
      io_(std::move(io)),
      errands_(std::make_shared<errands>(store_, io_, notices_, closing_.get_token())),
      log_(std::move(log)),
      keeper_(std::make_unique<lease_keeper>(store_, notices_, writer(log_), [b = std::weak_ptr(bus_)] {
        if (const auto there = b.lock()) there->holds();
      })) {
  bus_->on_revoked(keeper_->revoker());
}

client_core::~client_core() {
  const auto end = boot_clock::now() + kEndPatience;
  const auto left = [&] {
    return std::max(std::chrono::ceil<std::chrono::milliseconds>(end - boot_clock::now()), 0ms);
  };
  // All are told before one is waited for.
  errands_->stop();
  keeper_->stop(0ms);
  io_->stop(0ms);
  notices_->stop(0ms);
  keeper_->stop(left());
  io_->stop(left());
  notices_->stop(left());
  keeper_.reset();
  bus_.reset();  // tells what is to be told; threads of ours that are let go may keep it for a while
}

bool client_core::forked() const {
  return getpid() != pid_;
}

void client_core::check_process(const std::string& doing) const {
  if (forked()) throw error(errc::forked, doing + ": this client belongs to the parent process; make one in the child");
}

void client_core::check_usable(const std::string& doing, bool in_doubt) const {
  check_process(doing);
  if (!closing_.stop_requested()) return;
  if (!in_doubt) throw error(errc::closed, doing + ": the client was closed; make another one");
  throw error(errc::closed,
              doing + ": the client was closed before an answer came; see with another one whether it was done",
              {.in_doubt = true});
}

protocol::request client_core::blank_request(const std::string& lock) const {
  protocol::request r;
  r.lock = lock;
  r.skew = options_.clock_skew.count();
  r.floor = highest_token_;
  r.who = *options_.who;
  r.client = client_id_;
  return r;
}

void client_core::saw_token(std::int64_t token) {
  auto highest = highest_token_.load();
  while (token > highest && !highest_token_.compare_exchange_weak(highest, token)) {
  }
}

protocol::observation client_core::seen_before(const std::string& lock) {
  const std::lock_guard guard(seen_guard_);
  const auto it = seen_.find(lock);
  return it == seen_.end() ? protocol::observation{} : it->second;
}

/// So that a take-over needs no wait: tries, one after the other, watch a dead holder, too.
void client_core::remember(const std::string& lock, protocol::observation seen) {
  const std::lock_guard guard(seen_guard_);
  if (seen.empty()) {
    seen_.erase(lock);
    return;
  }
  if (seen_.size() >= kRemembered && !seen_.contains(lock)) seen_.erase(seen_.begin());
  seen_.insert_or_assign(lock, std::move(seen));
}

/// The time of a release is told by our clock, counted from the grant: not every answer to a release carries the
/// server's.
protocol::announcement client_core::announcement_of(const lease_record& record, bool locked) const {
  const auto& g = record.granted();
  return {record.lock(), locked, g.token, *options_.who, locked ? g.since : g.since + now_ms() - g.begin};
}

void client_core::send(const std::shared_ptr<call>& c, protocol::request r) {
  int round = 0;
  {
    const std::lock_guard lock(c->guard);
    c->result.reset();
    round = ++c->round;
  }
  const bool posted = io_->post([c, round, s = store_, r = std::move(r)] {
    if (!c->is_current(round)) return;
    answer a = s->apply(r);
    const std::lock_guard lock(c->guard);
    if (c->round != round) return;
    c->result = std::move(a);
    c->changed.notify_all();
  });
  if (posted) return;
  const std::lock_guard lock(c->guard);
  c->result.emplace();
  c->result->why = "no thread for it";
}

client_core::acquired client_core::acquire(protocol::acquire_plan plan, const wait_options& options) {
  const std::string doing = "cannot acquire lock " + quoted(plan.ask.lock);
  check_usable(doing);
  const activity::part here(activity_);
  auto c = std::make_shared<call>();
  const std::stop_callback on_stop(options.stop, [c] { c->stop(); });
  const std::stop_callback on_close(closing_.get_token(), [c] { c->stop(); });

  using machine = protocol::acquire_machine;
  using woken = call::woken;
  if (plan.ask.observed) plan.seen = seen_before(plan.ask.lock);
  machine m(plan, fresh_uuid, jitter);
  seat at(*bus_, plan.ask.lock, c);
  answer last_failure;  // of the last request; if that was answered, nothing
  bool brief = false;   // the last answer came in short
  std::size_t undone = 0;
  const auto give_up = [&] {
    (void)m.cancel();  // it may stand in the queue since an earlier answer
    undo(plan.ask, rest_of(m.to_undo(), undone));
  };

  /// What an answer to the request in flight leads to.
  const auto take_answer = [&]() -> machine::action {
    answer a = c->take_answer();
    if (a.what == answer::kind::refused) {
      const bool in_doubt = a.in_doubt || m.in_doubt();
      give_up();
      fail(doing, a, in_doubt);
    }
    if (a.what != answer::kind::replied) {
      last_failure = std::move(a);
      return m.unanswered(last_failure.in_doubt, now_ms());
    }
    last_failure = {};
    saw_token(a.reply.fence);
    brief = a.brief;
    if (a.reply.place >= 0) bus_->waits(m.id(), a.reply.foreign_until.has_value());
    auto then = m.answered(a.reply, now_ms(), bus_->pushes(a.reply.foreign_until.has_value()));
    if (options.on_wait && a.reply.place >= 0 && !std::holds_alternative<machine::done>(then)) {
      try {
        options.on_wait({a.reply.place, a.reply.queue, who_holds(a.reply)});
      } catch (...) {
        give_up();
        throw;
      }
    }
    return then;
  };
  /// Waits for one thing to happen; nothing if it changes nothing.
  const auto step = [&](std::optional<ms> until, bool in_flight) -> std::optional<machine::action> {
    switch (c->wait(until, !in_flight)) {
      case woken::by_grant: {
        const auto told = c->take_grant();
        test_point("heir");
        return m.announced(told.what, told.heard, now_ms());
      }
      case woken::by_answer:
        return take_answer();
      case woken::by_nudge:
        return m.nudged(c->take_nudge(), now_ms());
      case woken::by_stop:
        return m.cancel();
      case woken::by_time:
        return in_flight ? m.give_up(now_ms()) : m.look(now_ms());
    }
    return std::nullopt;
  };

  machine::action next = m.start(now_ms());
  while (!std::holds_alternative<machine::done>(next)) {
    for (; undone < m.to_undo().size(); ++undone) undo(plan.ask, {m.to_undo()[undone]});
    if (options.stop.stop_requested() || closing_.stop_requested()) {
      next = m.cancel();
      break;
    }
    std::optional<ms> until = m.give_up_at();
    auto* request = std::get_if<machine::send>(&next);
    if (request != nullptr) {
      at.take(m.id());
      request->r.floor = highest_token_;
      send(c, std::move(request->r));
    } else {
      until = std::get<machine::wait>(next).until;
    }
    std::optional<machine::action> then;
    while (!then) then = step(until, request != nullptr);
    if (request != nullptr) c->abandon();  // if it was not its answer that came
    next = *std::move(then);
  }

  const auto& end = std::get<machine::done>(next);
  using result = machine::result;
  std::optional<ms> leaves_by;
  if (end.what == result::cancelled) {
    const ms patient = now_ms() + kUndoPatience;
    leaves_by = std::min(patient, m.give_up_at().value_or(patient));
  }
  undo(plan.ask, rest_of(m.to_undo(), undone), leaves_by);
  if (plan.ask.observed) remember(plan.ask.lock, end.what == result::acquired ? protocol::observation{} : m.seen());
  acquired out;
  out.holder = who_holds(m.last());
  switch (end.what) {
    case result::acquired: {
      protocol::request ask = plan.ask;
      ask.id = m.id();
      const protocol::lease_schedule schedule(end.begin, end.lease, ask.delta,
                                              plan.renews && !closing_.stop_requested(), now_ms());
      out.record = std::make_shared<lease_record>(
          std::move(ask), lease_record::grant{end.token, end.since, end.begin, now_ms()}, schedule.valid_until());
      out.record->seen_alone(brief);
      out.record->doubtful(m.in_doubt());
      keeper_->keep(out.record, schedule);
      saw_token(end.token);
      bus_->publish(announcement_of(*out.record, true));
      out.what = outcome::acquired;
      test_point("acquired");
      return out;
    }
    case result::busy:
      out.what = outcome::busy;
      return out;
    case result::timed_out:
      out.what = outcome::timed_out;
      return out;
    case result::cancelled:
      out.what = outcome::cancelled;
      return out;
    case result::no_answer:
      if (last_failure.why.empty()) last_failure.why = end.why;
      last_failure.code = errc::unavailable;
      fail(doing, last_failure, !m.to_undo().empty() && m.to_undo().back().in_doubt);
    case result::not_a_lock:
      throw error(errc::not_a_lock, doing + ": the document with this _id in " + options_.db + "." + options_.coll +
                                        " is not a lock; it was left as it is. Choose another id or collection");
    case result::other_capacity:
      throw error(errc::configuration, doing + ": it is in use as " + kind_of(m.last().cap) + ", not as " +
                                           kind_of(plan.ask.cap) +
                                           "; use the same everywhere, or wait until it is free");
    case result::other_expiry:
      fail_other_expiry(doing, plan.ask);
  }
  return out;
}

void client_core::undo(const protocol::request& ask, const std::vector<protocol::abandoned>& what,
                       std::optional<ms> wait_until) {
  auto c = wait_until ? std::make_shared<call>() : nullptr;
  for (const auto& one : what) {
    protocol::request r = cancel_of(ask, one.in_doubt);
    r.id = one.id;
    errands::listener told;
    if (c) told = [c](const answer& a) { c->answered(a); };
    errands_->add(std::move(r), now_ms() + std::max(ask.life, ask.delta), activity::part(activity_), std::move(told));
  }
  if (c && !what.empty()) c->wait(wait_until);
}

std::shared_ptr<subscriber> client_core::subscribe(std::optional<std::string> id, event_callback callback) {
  check_usable("cannot subscribe to events");
  return bus_->subscribe(std::move(id), std::move(callback), notices_);
}

void client_core::on_lost(lease_record& record, std::function<void()> callback) {
  record.on_lost(
      [callback = std::move(callback), log = writer(log_), lock = quoted(record.lock())] {
        try {
          callback();
        } catch (const std::exception& e) {
          log(log_level::error, "the on_lost callback of lock " + lock + " threw: " + e.what());
        } catch (...) {
          log(log_level::error, "the on_lost callback of lock " + lock + " threw");
        }
      },
      *notices_);
}

void client_core::close() noexcept {
  if (forked()) return;
  closing_.request_stop();
  keeper_->stop_renewing();
  const auto until = boot_clock::now() + kClosePatience;
  activity_->wait_until_idle(kClosePatience);
  // A process may end right after: whom it woke and what it did would not be heard of.
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - boot_clock::now());
  bus_->flush(std::clamp(left, std::chrono::milliseconds{0}, kFlushPatience));
  bus_->stop_listening(kListenPatience);
}

void let_go(std::shared_ptr<client_core>& core) noexcept {
  if (core && core->forked()) {
    [[maybe_unused]] const auto* leaked = new std::shared_ptr<client_core>(std::move(core));
  }
  core.reset();
}

}  // namespace dlock::detail
