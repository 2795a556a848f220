#include "client/client_core.hpp"

#include <unistd.h>

#include <algorithm>
#include <mutex>

#include "client/answering.hpp"
#include "client/call.hpp"
#include "client/combiner.hpp"
#include "util/text.hpp"

namespace dlock::detail {
namespace {

using namespace std::chrono_literals;
using protocol::ms;

constexpr ms kClosePatience = 800;
constexpr auto kListenPatience = 100ms;
constexpr ms kFlushPatience = 300;
constexpr ms kEndPatience = 300;           // for the threads, but not what is still to be told
constexpr std::size_t kRemembered = 1000;  // locks

}  // namespace

client_core::client_core(client_options options, std::shared_ptr<store> where, std::shared_ptr<channel> notices,
                         std::shared_ptr<worker_pool> io, std::shared_ptr<logger> log, std::shared_ptr<environment> env)
    : options_(std::move(options)),
      env_(std::move(env)),
      client_id_(env_->fresh_id()),
      pid_(getpid()),
      activity_(std::make_shared<activity>()),
      bus_(std::make_shared<bus>(std::move(notices), options_.notif_channel, client_id_, writer(log), env_)),
      store_(announcing(combining(std::move(where), env_), bus_)),
      notices_(std::make_shared<worker_pool>(worker_pool::unlimited, "dlock-notice")),
      io_(std::move(io)),
      errands_(std::make_shared<errands>(store_, io_, notices_, closing_.get_token(), (io_->most() + 1) / 2, env_)),
      log_(std::move(log)),
      keeper_(std::make_unique<lease_keeper>(store_, notices_, writer(log_), env_, [b = std::weak_ptr(bus_)] {
        if (const auto there = b.lock()) there->holds();
      })) {
  bus_->on_revoked(keeper_->revoker());
  bus_->on_answer([e = std::weak_ptr(errands_)] {
    if (const auto there = e.lock()) there->server_answers();
  });
}

client_core::~client_core() {
  const ms end = now() + kEndPatience;
  const auto left = [&] { return std::chrono::milliseconds{std::max<ms>(end - now(), 0)}; };
  // What goes on in the background may lead to more: a tombstone, heirs to be told.
  closing_.request_stop();
  activity_->wait_until_idle(left());
  // All are told before one is waited for.
  errands_->stop();
  keeper_->stop(0ms);
  io_->stop(0ms);
  notices_->stop(0ms);
  keeper_->stop(left());
  io_->stop(left());
  notices_->stop(left());
  keeper_.reset();
  bus_.reset();             // tells what is to be told; threads of ours that are let go may keep it for a while
  if (log_) log_->close();  // and threads of the driver this
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
  r.floor = floors_.of(lock);
  r.who = *options_.who;
  r.client = client_id_;
  return r;
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
  return {record.lock(), locked, g.token, *options_.who, locked ? g.since : g.since + now() - g.begin};
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

void client_core::undo(const protocol::request& ask, const std::vector<protocol::abandoned>& what,
                       std::optional<ms> wait_until) {
  auto c = wait_until ? std::make_shared<call>(env_) : nullptr;
  for (const auto& one : what) {
    protocol::request r = cancel_of(ask, one.in_doubt);
    r.id = one.id;
    errands::listener told;
    if (c) told = [c](const answer& a) { c->answered(a); };
    errands_->add(std::move(r), now() + std::max(ask.life, ask.delta), activity::part(activity_), std::move(told));
  }
  if (c && !what.empty()) c->wait(wait_until);
}

std::shared_ptr<subscriber> client_core::subscribe(std::optional<std::string> id, event_callback callback) {
  if (!callback) throw error(errc::invalid_argument, "subscribe: the callback is empty");
  check_usable("cannot subscribe to events");
  return bus_->subscribe(std::move(id), std::move(callback), notices_);
}

void client_core::on_lost(lease_record& record, std::function<void()> callback) {
  record.on_lost(
      [callback = std::move(callback), log = writer(log_), lock = in_quotes(record.lock())] {
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
  const ms until = now() + kClosePatience;
  activity_->wait_until_idle(std::chrono::milliseconds{kClosePatience});
  // A process may end right after: whom it woke and what it did would not be heard of.
  bus_->flush(std::chrono::milliseconds{std::clamp<ms>(until - now(), 0, kFlushPatience)});
  bus_->stop_listening(kListenPatience);
}

void let_go(std::shared_ptr<client_core>& core) noexcept {
  if (core && core->forked()) {
    [[maybe_unused]] const auto* leaked = new std::shared_ptr<client_core>(std::move(core));
  }
  core.reset();
}

}  // namespace dlock::detail
