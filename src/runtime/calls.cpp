// Acquisitions and releases. Each is one call of the engine, which blocks or ends with a callback.
#include <algorithm>
#include <utility>

#include "runtime/errors.hpp"
#include "runtime/monitor.hpp"
#include "runtime/runtime.hpp"
#include "runtime/user_calls.hpp"
#include "util/clock.hpp"
#include "util/test_point.hpp"
#include "util/text.hpp"

namespace dlock::detail {
namespace {

using protocol::ms;

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
  throw error(errc::unavailable,
              doing + ": no thread can be started for its callback; try again when this process has fewer threads",
              {.retryable = true});
}

void runtime::complete(const std::string& lock, std::function<void()> task) {
  check_completions("cannot acquire lock " + in_quotes(lock));
  monitor_->complete([this, lock, task = std::move(task)] { called_back(lock, task); });
}

/// Calls a callback of the user.
void runtime::called_back(const std::string& lock, const std::function<void()>& callback) const {
  call_user(callback, [&](const std::string& what) {
    log(log_level::error, "the callback of a call for lock " + in_quotes(lock) + what);
  });
}

}  // namespace dlock::detail
