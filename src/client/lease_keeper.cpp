#include "client/lease_keeper.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "engine/hold_machine.hpp"
#include "util/text.hpp"
#include "util/thread.hpp"

namespace dlock {
namespace {

class descriptor {
 public:
  explicit descriptor(int fd) : fd_(fd) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "dlock: cannot watch leases");
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() { close(fd_); }
  [[nodiscard]] int get() const { return fd_; }
  void drain() const {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto n = read(fd_, &count, sizeof count);
  }

 private:
  int fd_;
};

constexpr protocol::ms kNever = engine::hold_machine::never;
constexpr protocol::ms kLong = 250;  // most locks are held for less

struct told_loss {
  loss_reason reason;
  std::string text;
};

told_loss loss_of(const engine::hold_machine& m) {
  switch (m.why()) {
    case engine::loss::not_renewed:
      return {loss_reason::expired, not_renewed};
    case engine::loss::ended:
      return {loss_reason::expired, over_without_autorefresh};
    case engine::loss::gone:
      return {loss_reason::removed, no_longer_ours};
    case engine::loss::revoked:
      return {loss_reason::revoked, "it was revoked by " + m.revoked_by()};
  }
  return {loss_reason::removed, no_longer_ours};
}

}  // namespace

struct lease_keeper::shared {
  struct kept {
    std::shared_ptr<lease_record> record;
    engine::hold_machine machine;
    protocol::ms since;
  };
  struct renewal {
    std::shared_ptr<lease_record> record;
    protocol::operation op;
  };
  using renewals = std::vector<renewal>;

  explicit shared(std::shared_ptr<environment> e) : env(std::move(e)) {}

  const std::shared_ptr<environment> env;
  std::shared_ptr<store> where;
  std::shared_ptr<worker_pool> notices;
  log_callback log;
  descriptor wake{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  const std::unique_ptr<timer> alarm = env->make_timer();
  std::unique_ptr<clock_watch> wall_clock;
  std::mutex guard;
  std::map<const lease_record*, kept> leases;
  protocol::ms asleep_until = 0;    // a lease that wants attention earlier has to wake the watch
  std::function<void()> held_long;  // until it was called
  bool renews = true;
  bool stopped = false;

  void poke() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = write(wake.get(), &one, sizeof one);
  }

  /// Sleeps until `until`, poke(), or until the wall clock is set.
  void sleep(protocol::ms until) {
    if (until == kNever) {
      alarm->unset();
    } else {
      alarm->set(until);
    }
    std::array<pollfd, 3> fds{{{wake.get(), POLLIN, 0}, {alarm->fd(), POLLIN, 0}, {wall_clock->fd(), POLLIN, 0}}};
    (void)poll(fds.data(), fds.size(), -1);
    wake.drain();
    alarm->drain();
    if (wall_clock->was_set()) ask_for_all();
  }

  /// The machine may have been stopped in a way that CLOCK_BOOTTIME does not count, by a hypervisor, say: it is what
  /// sets the wall clock afterwards that tells. What is still held only the server knows.
  void ask_for_all() {
    const std::lock_guard lock(guard);
    for (auto& [_, k] : leases) k.machine.clock_was_set(env->now_ms());
  }

  void lose(lease_record& record, const told_loss& why) const {
    record.lose(*notices, why.reason, why.text);
    log(log_level::error, "lock " + in_quotes(record.lock()) + " lost: " + why.text);
  }

  void revoke(const protocol::revocation& r) {
    const std::lock_guard lock(guard);
    for (auto& [_, k] : leases) {
      if (k.record->owner() != r.id || k.record->lock() != r.lock) continue;
      k.machine.notice(r.by, env->now_ms());
      return poke();
    }
  }

  [[nodiscard]] bool is_stopped() {
    const std::lock_guard lock(guard);
    return stopped;
  }

  /// One round: reports what is over, collects what is due. Returns when to look again.
  protocol::ms round(renewals& due) {
    using action = engine::hold_machine::action;
    std::vector<kept> over;
    std::function<void()> tell;
    protocol::ms next = kNever;
    {
      const std::lock_guard lock(guard);
      const auto now = env->now_ms();
      for (auto it = leases.begin(); it != leases.end();) {
        auto& k = it->second;
        const auto todo = k.machine.look(now);
        if (todo == action::lose) {
          over.push_back(std::move(k));
          it = leases.erase(it);
          continue;
        }
        if (todo != action::nothing) {
          due.push_back({k.record, todo == action::renew ? protocol::operation::renew : protocol::operation::peek});
        }
        next = std::min(next, k.machine.next());
        if (held_long && now >= k.since + kLong) tell.swap(held_long);
        if (held_long) next = std::min(next, k.since + kLong);
        ++it;
      }
      asleep_until = next;
    }
    for (const auto& k : over) lose(*k.record, loss_of(k.machine));
    if (tell) tell();
    return next;
  }

  /// No thread can be had for its renewal: again soon.
  void not_sent(const lease_record& record) {
    const std::lock_guard lock(guard);
    const auto it = leases.find(&record);
    if (it == leases.end()) return;
    it->second.machine.not_sent(env->now_ms());
    poke();
  }

  void renew(const std::shared_ptr<lease_record>& record, protocol::operation op) {
    using effect = engine::hold_machine::effect;
    {
      const std::lock_guard lock(guard);
      if (stopped || !renews || !leases.contains(record.get())) return;
    }
    const auto sent = env->now_ms();
    const answer a = where->apply(record->ask(op), lane::renewal);
    std::string trouble;
    std::optional<told_loss> lost;
    {
      const std::lock_guard lock(guard);
      const auto it = leases.find(record.get());
      if (it == leases.end()) return;  // released or over meanwhile
      auto& machine = it->second.machine;
      const auto now = env->now_ms();
      if (a.what != answer::kind::replied) {
        if (machine.unanswered(now)) trouble = a.why;
      } else if (const auto became = machine.answered(a.reply, sent, now); became == effect::held) {
        record->extend(machine.valid_until());
        if (a.reply.queue > 0) record->seen_alone(false);
      } else if (became == effect::lost) {
        if (machine.why() == engine::loss::revoked) record->revoked();
        lost = loss_of(machine);
        leases.erase(it);
      }
    }
    if (lost) {
      lose(*record, *lost);
    } else if (!trouble.empty()) {
      const std::string what = op == protocol::operation::renew ? "renewed" : "looked at, which may have been revoked";
      log(log_level::warning,
          "lock " + in_quotes(record->lock()) + " could not be " + what + ", trying again: " + trouble);
    }
    poke();
  }
};

lease_keeper::lease_keeper(std::shared_ptr<store> where, std::shared_ptr<worker_pool> notices, log_callback log,
                           std::shared_ptr<environment> env, std::function<void()> held_long,
                           std::unique_ptr<clock_watch> wall_clock)
    : shared_(std::make_shared<shared>(std::move(env))) {
  shared_->wall_clock = std::move(wall_clock);
  shared_->where = std::move(where);
  shared_->notices = std::move(notices);
  shared_->log = std::move(log);
  shared_->held_long = std::move(held_long);
  watch_ = quiet_thread("dlock-watch", [this, s = shared_] {
    while (!s->is_stopped()) {
      shared::renewals due;
      const auto next = s->round(due);
      if (s->is_stopped()) return;  // this keeper may be gone: by a notice for which no other thread could be had
      for (const auto& each : due) {
        if (!renewals_.post([s, each] { s->renew(each.record, each.op); })) s->not_sent(*each.record);
      }
      s->sleep(next);
    }
  });
}

lease_keeper::~lease_keeper() {
  if (watch_.joinable()) stop(std::chrono::milliseconds{300});
}

void lease_keeper::stop(std::chrono::milliseconds patience) {
  {
    const std::lock_guard lock(shared_->guard);
    shared_->stopped = true;
  }
  shared_->poke();
  if (watch_.get_id() == std::this_thread::get_id()) {
    let_go(std::move(watch_));
  } else if (watch_.joinable()) {
    watch_.join();
  }
  renewals_.stop(patience);
}

void lease_keeper::keep(const std::shared_ptr<lease_record>& record, const protocol::lease_schedule& schedule) {
  const std::lock_guard lock(shared_->guard);
  const auto now = shared_->env->now_ms();
  auto& k =
      shared_->leases.emplace(record.get(), shared::kept{record, engine::hold_machine(schedule), now}).first->second;
  if (!shared_->renews) k.machine.stop_renewing();
  const auto next = std::min(schedule.next_renewal(), schedule.valid_until());
  const auto first = shared_->held_long ? std::min(next, now + kLong) : next;
  if (first < shared_->asleep_until) shared_->poke();
}

void lease_keeper::forget(const lease_record& record) {
  const std::lock_guard lock(shared_->guard);
  shared_->leases.erase(&record);
}

std::function<void(const protocol::revocation&)> lease_keeper::revoker() const {
  // Weak: its store leads back to the bus that keeps this.
  return [weak = std::weak_ptr(shared_)](const protocol::revocation& r) {
    if (const auto s = weak.lock()) s->revoke(r);
  };
}

void lease_keeper::stop_renewing() {
  const std::lock_guard lock(shared_->guard);
  shared_->renews = false;
  for (auto& [_, k] : shared_->leases) k.machine.stop_renewing();
}

}  // namespace dlock
