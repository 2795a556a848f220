#include "client/lease_keeper.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

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

constexpr protocol::ms kNever = std::numeric_limits<protocol::ms>::max();
constexpr protocol::ms kLong = 250;  // most locks are held for less
constexpr protocol::ms kAskAgain = 100;
constexpr int kLooks = 10;

}  // namespace

struct lease_keeper::shared {
  struct kept {
    std::shared_ptr<lease_record> record;
    protocol::lease_schedule schedule;
    protocol::ms since;
    bool renewing = false;  // a renewal is on its way
    bool in_trouble = false;
    bool renews = schedule.next_renewal() != kNever;
    std::optional<std::string> revoked_by = {};  // says a notice, which anybody can have written
    protocol::ms ask_at = kNever;                // then the server is asked whether it is still held
    int looks = 0;                               // so often still; see looked()
    bool unseen = false;                         // by the last look

    [[nodiscard]] protocol::ms next() const { return std::min(schedule.next_renewal(), ask_at); }
    [[nodiscard]] const char* why_over() const { return renews ? not_renewed : over_without_autorefresh; }
    void unanswered(protocol::ms now) {
      renewing = false;
      schedule.unanswered(now);
      if (!renews && (looks > 0 || unseen)) ask_at = now + kAskAgain;
    }
    /// What a look shows may be old, right after an election: from before the grant, or before the revocation. So it is
    /// repeated. Returns whether the lease is gone.
    bool looked(bool there, protocol::ms now) {
      const bool gone = !there && unseen;
      unseen = !there;
      if (ask_at == kNever && (--looks > 0 || unseen)) ask_at = now + kAskAgain;
      return gone;
    }
  };
  using renewals = std::vector<std::shared_ptr<lease_record>>;

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
    for (auto& [_, k] : leases) {
      k.ask_at = env->now_ms();
      k.looks = std::max(k.looks, 1);
    }
  }

  void lose(lease_record& record, const std::string& why) const {
    record.lose(*notices, why);
    log(log_level::error, "lock " + in_quotes(record.lock()) + " lost: " + why);
  }

  /// A notice is a hint: who can write it may be nobody who can revoke. What is on its way may have set out too early.
  void revoke(const protocol::revocation& r) {
    const std::lock_guard lock(guard);
    for (auto& [_, k] : leases) {
      if (k.record->owner() != r.id || k.record->lock() != r.lock) continue;
      k.revoked_by = r.by;
      k.ask_at = env->now_ms();
      k.looks = kLooks;
      return poke();
    }
  }

  [[nodiscard]] bool is_stopped() {
    const std::lock_guard lock(guard);
    return stopped;
  }

  /// One round: reports what is over, collects what is due. Returns when to look again.
  protocol::ms round(renewals& due) {
    std::vector<std::pair<std::shared_ptr<lease_record>, const char*>> over;
    std::function<void()> tell;
    protocol::ms next = kNever;
    {
      const std::lock_guard lock(guard);
      const auto now = env->now_ms();
      for (auto it = leases.begin(); it != leases.end();) {
        auto& k = it->second;
        if (k.schedule.valid_until() <= now) {
          over.emplace_back(std::move(k.record), k.why_over());
          it = leases.erase(it);
          continue;
        }
        next = std::min(next, k.schedule.valid_until());
        if (!k.renewing && k.next() <= now) {
          k.renewing = true;
          k.ask_at = kNever;
          due.push_back(k.record);
        }
        if (!k.renewing) next = std::min(next, k.next());
        if (held_long && now >= k.since + kLong) tell.swap(held_long);
        if (held_long) next = std::min(next, k.since + kLong);
        ++it;
      }
      asleep_until = next;
    }
    for (const auto& [record, why] : over) lose(*record, why);
    if (tell) tell();
    return next;
  }

  /// No thread can be had for its renewal: again soon.
  void not_sent(const lease_record& record) {
    const std::lock_guard lock(guard);
    const auto it = leases.find(&record);
    if (it == leases.end()) return;
    it->second.unanswered(env->now_ms());
    poke();
  }

  void renew(const std::shared_ptr<lease_record>& record) {
    // Of a lease that is not renewed, only a notice has us ask: by looking, which makes it no longer.
    auto op = protocol::operation::renew;
    {
      const std::lock_guard lock(guard);
      const auto it = leases.find(record.get());
      if (stopped || !renews || it == leases.end()) return;
      if (!it->second.renews) op = protocol::operation::peek;
    }
    const auto sent = env->now_ms();
    const answer a = where->apply(record->ask(op), lane::renewal);
    const bool replied = a.what == answer::kind::replied;
    const bool marked = replied && a.reply.mine && a.reply.mine->revoked;
    const bool there = replied && !marked && a.reply.mine;
    std::string trouble;
    std::string loss;
    {
      const std::lock_guard lock(guard);
      const auto it = leases.find(record.get());
      if (it == leases.end()) return;  // released or over meanwhile
      auto& k = it->second;
      k.renewing = false;
      const bool gone = marked || (replied && (k.renews ? !there : k.looked(there, env->now_ms())));
      const bool mine = replied && !gone;
      if (mine && k.ask_at == kNever) k.revoked_by.reset();  // it was not true
      if (mine && k.schedule.valid_until() <= env->now_ms()) {
        // Too late: it may have been seen to be over. The watch is about to say so.
      } else if (mine) {
        if (op == protocol::operation::renew) k.schedule.renewed(sent);
        k.in_trouble = false;
        record->extend(k.schedule.valid_until());
        if (a.reply.queue > 0) record->seen_alone(false);
      } else if (gone) {
        if (k.revoked_by) record->revoked();
        // This process may have been stopped while it asked, or before. Then others may well have it.
        const bool over = k.schedule.valid_until() <= env->now_ms();
        loss = k.revoked_by ? "it was revoked by " + *k.revoked_by : over ? k.why_over() : no_longer_ours;
        leases.erase(it);
      } else {
        k.unanswered(env->now_ms());
        if (!k.in_trouble) trouble = a.why;
        k.in_trouble = true;
      }
    }
    if (!loss.empty()) {
      lose(*record, loss);
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
  watch_ = quiet_thread([this, s = shared_] {
    while (!s->is_stopped()) {
      shared::renewals due;
      const auto next = s->round(due);
      if (s->is_stopped()) return;  // this keeper may be gone: by a notice for which no other thread could be had
      for (auto& record : due) {
        if (!renewals_.post([s, record] { s->renew(record); })) s->not_sent(*record);
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
  auto& k = shared_->leases.emplace(record.get(), shared::kept{record, schedule, shared_->env->now_ms()}).first->second;
  if (!shared_->renews) k.schedule.stop_renewing();
  const auto next = std::min(schedule.next_renewal(), schedule.valid_until());
  const auto first = shared_->held_long ? std::min(next, k.since + kLong) : next;
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
  for (auto& [_, k] : shared_->leases) k.schedule.stop_renewing();
}

}  // namespace dlock
