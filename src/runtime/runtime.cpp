#include "runtime/runtime.hpp"

#include <algorithm>
#include <utility>

#include "runtime/errors.hpp"
#include "runtime/monitor.hpp"
#include "runtime/user_calls.hpp"
#include "runtime/watch.hpp"
#include "util/boot_wait.hpp"
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

engine::client::settings settings_of(const client_options& o, std::string id, std::size_t threads, bool notices) {
  return {.id = std::move(id),
          .who = *o.who,
          .skew = o.clock_skew.count(),
          .operation_timeout = o.operation_timeout.count(),
          .background_limit = (threads + 1) / 2,
          .has_channel = notices};
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

std::vector<protocol::snapshot> runtime::read(const protocol::lookup& l, const std::string& doing,
                                              std::optional<ms> until) {
  check_usable(doing);
  return asked(doing, l.id, [&](auto& e, ms at) { return e.read(l, at, until); }).seen;
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
  if (!posted)
    throw error(errc::unavailable, doing + ": no thread can be started; try again when this process has fewer threads",
                {.retryable = true});
  std::unique_lock lock(r->guard);
  if (!wait_until(*env_, r->changed, lock, now() + kMembersPatience, [&] { return r->found.has_value(); })) {
    throw error(errc::unavailable, doing + ": all connections are busy; try again", {.retryable = true});
  }
  return *std::move(r->found);
}

runtime::amended runtime::amend(const std::string& lock, engine::hold_id h, std::optional<protocol::claim> what,
                                std::optional<std::string> value, bool tells, const std::string& doing) {
  check_process(doing);
  const auto end = asked(doing, lock, [&](auto& e, ms at) { return e.amend(h, what, std::move(value), at, tells); });
  if (end.change != amended::edited) return end.change;
  const char* const why = what ? ": the entry of this lease was edited by hand, so what it asks for is not known"
                               : ": nothing was changed, because the entry of this lease was edited by hand";
  throw error(errc::not_a_lock, doing + why + "; release the lock and acquire it again",
              {.in_doubt = what.has_value()});
}

std::optional<engine::hold_id> runtime::hold_of(const std::string& lock, const std::string& owner) {
  std::optional<engine::hold_id> found;
  monitor_->step([&](auto& e, ms) { found = e.hold_of(lock, owner); });
  return found;
}

bool runtime::revoke(const protocol::snapshot& seen, const protocol::holder& h, bool at_once) {
  const std::string doing = "cannot revoke lock " + in_quotes(seen.id);
  check_usable(doing);
  const bool observed = seen.what.observed;
  const ms skew = protocol::skew_of(seen.what);
  return asked(doing, seen.id, [&](auto& e, ms at) { return e.revoke(seen.id, h, observed, at_once, at, skew); })
      .told.found;
}

std::shared_ptr<subscriber> runtime::subscribe(std::optional<std::string> id, event_callback callback) {
  if (!callback) throw error(errc::invalid_argument, "subscribe: the callback is empty; give a function");
  check_usable("cannot subscribe to events");
  return monitor_->subscribe(std::move(id), std::move(callback));
}

std::shared_ptr<observer> runtime::observe(const std::string& election, ms period, leader_callback callback) {
  if (!callback) throw error(errc::invalid_argument, "observe: the callback is empty; give a function");
  check_usable("cannot observe election " + in_quotes(election));
  return monitor_->observe(election, period, std::move(callback));
}

notification_status runtime::notifications() const {
  return monitor_->notifications();
}

void runtime::on_lost(lease_state& record, std::function<void()> callback) {
  record.on_lost(
      [callback = std::move(callback), log = writer(log_), lock = in_quotes(record.lock())] {
        call_user(callback, [&](const std::string& what) {
          log(log_level::error, "the on_lost callback of lock " + lock + what);
        });
      },
      *callbacks_);
}

void runtime::on_trouble(lease_state& record, trouble_callback callback) {
  record.on_trouble([callback = std::move(callback), log = writer(log_), lock = in_quotes(record.lock())](auto left) {
    call_user(
        [&] { callback(left); },
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
