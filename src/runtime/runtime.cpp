#include "runtime/runtime.hpp"

#include <algorithm>
#include <utility>

#include "runtime/errors.hpp"
#include "runtime/monitor.hpp"
#include "runtime/watch.hpp"
#include "util/boot_wait.hpp"
#include "util/clock.hpp"
#include "util/test_point.hpp"
#include "util/text.hpp"

namespace dlock::detail {
namespace {

using namespace std::chrono_literals;
using protocol::ms;

constexpr ms kClosePatience = 800;
constexpr auto kListenPatience = 100ms;
constexpr ms kFlushPatience = 300;
constexpr ms kMembersPatience = 2000;
constexpr ms kEndPatience = 300;  // for the threads; what is still to be told has its own limit

std::optional<holder_info> who_holds(const protocol::reply& r) {
  // The field may have any date. The result must be small enough that users can add it to a time.
  const auto left = [&](ms until) { return std::chrono::milliseconds{std::clamp<ms>(until - r.now, 0, longest_wait)}; };
  if (r.foreign_until) return holder_info{"", 0, left(*r.foreign_until), true};
  if (!r.first) return std::nullopt;
  return holder_info{r.first->who, r.first->fence, left(r.first->until), false};
}

wait_status status_of(const engine::waiting& w) {
  return {w.last.place, w.last.queue, who_holds(w.last)};
}

std::string kind_of(std::int64_t cap) {
  return cap == 0 ? "a mutex or shared lock" : "a semaphore with " + std::to_string(cap) + " permits";
}

}  // namespace

namespace {

/// Calls a callback of the user, and says what it has thrown.
template <typename Callback, typename Say>
void swallow(const Callback& callback, const Say& say) {
  try {
    callback();
  } catch (const std::exception& e) {
    say(std::string(" threw: ") + e.what());
  } catch (...) {
    say(std::string(" threw"));
  }
}

}  // namespace

struct runtime::wanted {
  std::string doing, lock;
  std::int64_t cap;
  bool observed;

  explicit wanted(const protocol::request& ask)
      : doing("cannot acquire lock " + in_quotes(ask.lock)), lock(ask.lock), cap(ask.cap), observed(ask.observed) {}
  [[nodiscard]] outcome outcome_of(engine::acquire_ended& e, const client_options& options) const;
};

/// The outcome of an acquisition that did not fail. Throws the error of one that failed.
outcome runtime::wanted::outcome_of(engine::acquire_ended& e, const client_options& options) const {
  using result = engine::acquire_ended::result;
  if (e.refused) fail(doing, e.failure, e.in_doubt);
  switch (e.what) {
    case result::acquired:
      return outcome::acquired;
    case result::busy:
      return outcome::busy;
    case result::timed_out:
      return outcome::timed_out;
    case result::cancelled:
      return outcome::cancelled;
    case result::no_answer:
      if (e.failure.why.empty()) e.failure.why = e.missing;
      e.failure.code = errc::unavailable;
      fail(doing, e.failure, e.in_doubt);
    case result::not_a_lock:
      fail_not_a_lock(doing, options, lock, e.last.defect);
    case result::other_capacity:
      throw error(errc::configuration, doing + ": it is in use as " + kind_of(e.last.cap) + ", not as " + kind_of(cap) +
                                           "; use the same everywhere, or wait until it is free");
    case result::other_expiry:
      fail_other_expiry(doing, observed);
  }
  return outcome::busy;
}

/// Cancels the call in a slot when a stop token is triggered.
class runtime::canceller {
 public:
  canceller(const std::stop_token& stop, std::shared_ptr<monitor> of, const std::shared_ptr<call_slot>& slot)
      : on_stop_(stop, [of = std::move(of), weak = std::weak_ptr(slot)] {
          const auto s = weak.lock();  // outlives the step, because it may own anything
          if (!s) return;
          of->step([&](auto& e, ms at) {
            if (s->call != 0) e.cancel(s->call, at);
          });
        }) {}

 private:
  std::stop_callback<std::function<void()>> on_stop_;
};

namespace {

release_result result_of(const engine::release_ended& end, const std::string& doing) {
  using result = engine::release_ended::result;
  switch (end.what) {
    case result::released:
      return release_result::released;
    case result::lost:
      return release_result::lost;
    case result::not_held:
      return release_result::not_held;
    case result::unknown:
      fail(doing, end.failure, true);
  }
  return release_result::not_held;
}

engine::client::settings settings_of(const client_options& o, std::string id, std::size_t threads, bool notices) {
  return {.id = std::move(id),
          .who = *o.who,
          .skew = o.clock_skew.count(),
          .operation_timeout = o.operation_timeout.count(),
          .undoing = (threads + 1) / 2,
          .tells = notices};
}

}  // namespace

runtime::runtime(client_options options, std::shared_ptr<store> where, std::shared_ptr<channel> notices,
                 std::shared_ptr<worker_pool> io, std::shared_ptr<logger> log, std::shared_ptr<environment> env,
                 std::unique_ptr<clock_watch> wall_clock)
    : options_(std::move(options)),
      env_(std::move(env)),
      log_(std::move(log)),
      where_(std::move(where)),
      callbacks_(std::make_shared<worker_pool>(worker_pool::unlimited, "dlock-notice")),
      monitor_(std::make_shared<monitor>(monitor::parts{.where = where_,
                                                        .notices = notices,
                                                        .channel_name = options_.notif_channel,
                                                        .io = io,
                                                        .callbacks = callbacks_,
                                                        .env = env_,
                                                        .log = writer(log_),
                                                        .label_of = options_.metrics_label},
                                         settings_of(options_, env_->fresh_id(), io->most(), notices != nullptr))),
      watch_(monitor_, std::move(wall_clock)) {}

runtime::~runtime() {
  const ms end = now() + kEndPatience;
  const auto left = [&] { return std::chrono::milliseconds{std::max<ms>(end - now(), 0)}; };
  // Work in the background may lead to more work: a tombstone, or heirs that need a notice.
  closing_.request_stop();
  monitor_->step([](auto& e, ms at) { e.close(at); });
  (void)monitor_->await([](const auto& e) { return e.is_idle(); }, left());
  watch_.stop(left());
  monitor_->stop(left());
  monitor_->flush(std::chrono::milliseconds{kFlushPatience});
  monitor_->stop_listening(0ms);
  monitor_->end();          // our threads that still run may keep it for a while
  if (log_) log_->close();  // driver threads may keep the log for a while
}

bool runtime::forked() const {
  return monitor_->forked();
}

void runtime::check_process(const std::string& doing) const {
  if (forked()) throw error(errc::forked, doing + ": this client belongs to the parent process; make one in the child");
}

void runtime::check_usable(const std::string& doing, bool in_doubt) const {
  check_process(doing);
  if (!closing_.stop_requested()) return;
  if (!in_doubt) throw error(errc::closed, doing + ": the client was closed; make another one");
  throw error(errc::closed,
              doing + ": the client was closed before an answer came; see with another one whether it was done",
              {.in_doubt = true});
}

protocol::request runtime::blank_request(const std::string& lock) const {
  protocol::request r;
  r.lock = lock;
  r.skew = options_.clock_skew.count();
  r.who = *options_.who;
  return r;
}

void runtime::begin(protocol::acquire_plan plan, const wait_options& options, const std::shared_ptr<call_slot>& slot,
                    std::optional<canceller>& on_stop) {
  const bool tells_place = static_cast<bool>(options.on_wait);
  // First, because the call may end before this function does.
  if (options.stop.stop_possible()) on_stop.emplace(options.stop, monitor_, slot);
  monitor_->step([&](auto& e, ms at) {
    monitor_->counts().begins(plan.row);
    monitor_->expect(e.acquire(std::move(plan), tells_place, at), slot);
    if (options.stop.stop_requested()) e.cancel(slot->call, at);
  });
}

void runtime::abandon(call_slot& slot) {
  monitor_->step([&](auto& e, ms at) {  // a lease that was acquired meanwhile goes with the slot
    monitor_->forget(slot.call);
    e.cancel(slot.call, at);
  });
}

runtime::acquired runtime::end_of(call_slot& slot, const wanted& what) const {
  auto& end = std::get<engine::acquire_ended>(*slot.end);
  if (slot.lease) test_point("acquired");
  return {what.outcome_of(end, options_), slot.lease, who_holds(end.last)};
}

runtime::acquired runtime::acquire(protocol::acquire_plan plan, const wait_options& options) {
  const wanted what(plan.ask);
  check_usable(what.doing);
  const auto slot = std::make_shared<call_slot>();
  std::optional<canceller> on_stop;
  begin(std::move(plan), options, slot, on_stop);
  while (const auto place = monitor_->wait(*slot)) {
    try {
      options.on_wait(status_of(*place));
    } catch (...) {
      abandon(*slot);
      throw;
    }
  }
  on_stop.reset();
  return end_of(*slot, what);
}

void runtime::acquire(protocol::acquire_plan plan, const wait_options& options, acquire_done done) {
  struct pending {
    pending(const protocol::request& ask, acquire_done d, const wait_options& o)
        : what(ask), done(std::move(d)), on_wait(o.on_wait) {}
    const wanted what;
    const acquire_done done;
    const std::function<void(const wait_status&)> on_wait;
    std::optional<canceller> on_stop;
  };
  const auto p = std::make_shared<pending>(plan.ask, std::move(done), options);
  check_usable(p->what.doing);
  check_completions(p->what.doing);
  const auto slot = std::make_shared<call_slot>();
  slot->listener = [this, p, s = slot.get()](const engine::waiting* place) {
    std::exception_ptr failure;
    acquired got{.what = outcome::cancelled, .record = {}, .holder = {}};
    try {
      if (place != nullptr) {
        p->on_wait(status_of(*place));
        return true;
      }
      got = end_of(*s, p->what);
    } catch (...) {
      failure = std::current_exception();
      if (place != nullptr) abandon(*s);
    }
    p->on_stop.reset();
    called_back(p->what.lock, [&] { p->done(failure, std::move(got)); });
    return false;
  };
  begin(std::move(plan), options, slot, p->on_stop);
}

release_result runtime::release(lease_state& record, ms keep, ms timeout) {
  const std::string doing = "cannot release lock " + in_quotes(record.lock());
  check_process(doing);
  if (record.held(now())) test_point("releasing");
  const auto slot = std::make_shared<call_slot>();
  monitor_->step([&](auto& e, ms at) { monitor_->expect(e.release(record.hold(), keep, timeout, at), slot); });
  (void)monitor_->wait(*slot);
  slot->unused.clear();  // they may own the record and this object
  return result_of(std::get<engine::release_ended>(*slot->end), doing);
}

void runtime::release(const std::shared_ptr<lease_state>& record, ms keep, ms timeout, release_done done) {
  const std::string doing = "cannot release lock " + in_quotes(record->lock());
  check_process(doing);
  check_completions(doing);
  const auto slot = std::make_shared<call_slot>();
  slot->listener = [this, doing, record, done = std::move(done), s = slot.get()](const engine::waiting*) {
    std::exception_ptr failure;
    auto result = release_result::not_held;
    try {
      s->unused.clear();
      result = result_of(std::get<engine::release_ended>(*s->end), doing);
    } catch (...) {
      failure = std::current_exception();
    }
    called_back(record->lock(), [&] { done(failure, result); });
    return false;
  };
  monitor_->step([&](auto& e, ms at) { monitor_->expect(e.release(record->hold(), keep, timeout, at), slot); });
}

void runtime::check_completions(const std::string& doing) const {
  if (monitor_->can_complete()) return;
  throw error(errc::unavailable, doing + ": no thread can be started for its callback", {.retryable = true});
}

void runtime::complete(const std::string& lock, std::function<void()> task) {
  check_completions("cannot acquire lock " + in_quotes(lock));
  monitor_->complete([this, lock, task = std::move(task)] { called_back(lock, task); });
}

/// Calls a callback of the user.
void runtime::called_back(const std::string& lock, const std::function<void()>& callback) const {
  swallow(callback, [&](const std::string& what) {
    log(log_level::error, "the callback of a call for lock " + in_quotes(lock) + what);
  });
}

/// `begin` begins the call. It is called in a step.
template <typename Begin>
engine::ask_ended runtime::asked(const std::string& doing, const std::string& lock, Begin begin) {
  using result = engine::ask_ended::result;
  const auto slot = std::make_shared<call_slot>();
  monitor_->step([&](auto& e, ms at) { monitor_->expect(begin(e, at), slot); });
  (void)monitor_->wait(*slot);
  auto& end = std::get<engine::ask_ended>(*slot->end);
  if (end.what == result::closed) check_usable(doing, end.in_doubt);
  if (end.what == result::not_a_lock) fail_not_a_lock(doing, options_, lock, end.told.defect);
  if (end.what != result::answered) fail(doing, end.failure, end.in_doubt);
  return std::move(end);
}

protocol::reply runtime::ask(const protocol::request& r, const std::string& doing, std::optional<ms> until) {
  check_usable(doing);
  return asked(doing, r.lock, [&](auto& e, ms at) { return e.ask(r, until, at); }).told;
}

std::vector<protocol::snapshot> runtime::read(const protocol::lookup& l, const std::string& doing) {
  check_usable(doing);
  return asked(doing, l.id, [&](auto& e, ms at) { return e.read(l, at); }).seen;
}

std::vector<member_info> runtime::members() {
  const std::string doing = "cannot ask the members";
  check_usable(doing);
  struct result {
    std::mutex guard;
    std::condition_variable changed;
    std::optional<std::vector<member_info>> found;
  };
  const auto r = std::make_shared<result>();
  // Not on a thread of the pool for I/O, because all of these may be busy.
  const bool posted = callbacks_->post([r, where = where_] {
    auto found = where->members();
    const std::lock_guard lock(r->guard);
    r->found = std::move(found);
    r->changed.notify_all();
  });
  if (!posted) throw error(errc::unavailable, doing + ": no thread can be started", {.retryable = true});
  std::unique_lock lock(r->guard);
  if (!wait_until(*env_, r->changed, lock, now() + kMembersPatience, [&] { return r->found.has_value(); })) {
    throw error(errc::unavailable, doing + ": all connections are busy; try again", {.retryable = true});
  }
  return *std::move(r->found);
}

runtime::amended runtime::amend(lease_state& record, std::optional<protocol::claim> what,
                                std::optional<std::string> value, bool tells, const std::string& doing) {
  check_process(doing);
  const auto end = asked(doing, record.lock(),
                         [&](auto& e, ms at) { return e.amend(record.hold(), what, std::move(value), at, tells); });
  if (end.change != amended::edited) return end.change;
  const char* const why = what ? ": the entry of this lease was edited by hand, so what it asks for is not known"
                               : ": nothing was changed, because the entry of this lease was edited by hand";
  throw error(errc::not_a_lock, doing + why + "; release the lock and acquire it again",
              {.in_doubt = what.has_value()});
}

bool runtime::revoke(const std::string& lock, const protocol::holder& h, bool observed, bool at_once) {
  const std::string doing = "cannot revoke lock " + in_quotes(lock);
  check_usable(doing);
  return asked(doing, lock, [&](auto& e, ms at) { return e.revoke(lock, h, observed, at_once, at); }).told.found;
}

std::shared_ptr<subscriber> runtime::subscribe(std::optional<std::string> id, event_callback callback) {
  if (!callback) throw error(errc::invalid_argument, "subscribe: the callback is empty");
  check_usable("cannot subscribe to events");
  return monitor_->subscribe(std::move(id), std::move(callback));
}

std::shared_ptr<observer> runtime::observe(const std::string& election, ms period, leader_callback callback) {
  if (!callback) throw error(errc::invalid_argument, "observe: the callback is empty");
  check_usable("cannot observe election " + in_quotes(election));
  return monitor_->observe(election, period, std::move(callback));
}

notification_status runtime::notifications() const {
  return monitor_->notifications();
}

void runtime::on_lost(lease_state& record, std::function<void()> callback) {
  record.on_lost(
      [callback = std::move(callback), log = writer(log_), lock = in_quotes(record.lock())] {
        swallow(callback,
                [&](const std::string& what) { log(log_level::error, "the on_lost callback of lock " + lock + what); });
      },
      *callbacks_);
}

void runtime::on_trouble(lease_state& record, trouble_callback callback) {
  record.on_trouble([callback = std::move(callback), log = writer(log_), lock = in_quotes(record.lock())](auto left) {
    swallow([&] { callback(left); },
            [&](const std::string& what) { log(log_level::error, "the on_trouble callback of lock " + lock + what); });
  });
}

int runtime::row_of(lock_metrics::kind what, const std::string& lock) const noexcept {
  return monitor_->counts().row_of(what, lock);
}

metrics_snapshot runtime::metrics() const {
  return monitor_->counts().snapshot();
}

void runtime::close() noexcept {
  if (forked()) return;
  closing_.request_stop();
  const ms until = now() + kClosePatience;
  monitor_->step([](auto& e, ms at) { e.close(at); });
  (void)monitor_->await([](const auto& e) { return e.is_idle(); }, std::chrono::milliseconds{kClosePatience});
  // What has ended is told before the last handle goes, so that it is not the callback that ends the client.
  monitor_->await_completions(std::chrono::milliseconds{std::max<ms>(until - now(), 0)});
  // The process may end right after this. Without the flush, its grant notices and events would be lost.
  monitor_->flush(std::chrono::milliseconds{std::clamp<ms>(until - now(), 0, kFlushPatience)});
  monitor_->stop_listening(kListenPatience);
}

void drop(std::shared_ptr<runtime>& core) noexcept {
  if (core && core->forked()) {
    [[maybe_unused]] const auto* leaked = new std::shared_ptr<runtime>(std::move(core));
  }
  core.reset();
}

}  // namespace dlock::detail
