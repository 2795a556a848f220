#include "client/lease_keeper.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <mutex>
#include <system_error>
#include <vector>

#include "protocol/planted.hpp"
#include "util/clock.hpp"
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

}  // namespace

struct lease_keeper::shared {
  struct kept {
    std::shared_ptr<lease_record> record;
    protocol::lease_schedule schedule;
    protocol::ms since;
    bool renewing = false;  // a renewal is on its way
    bool in_trouble = false;
  };
  using renewals = std::vector<std::shared_ptr<lease_record>>;

  std::shared_ptr<store> where;
  std::shared_ptr<worker_pool> notices;
  log_callback log;
  descriptor wake{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  descriptor timer{timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)};
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

  /// Sleeps until `until` or poke().
  void sleep(protocol::ms until) {
    itimerspec spec{};
    if (until != kNever) {
      const auto at = std::max<protocol::ms>(until, 1);
      spec.it_value = {.tv_sec = at / 1000, .tv_nsec = at % 1000 * 1'000'000};
    }
    timerfd_settime(timer.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
    std::array<pollfd, 2> fds{{{wake.get(), POLLIN, 0}, {timer.get(), POLLIN, 0}}};
    (void)poll(fds.data(), fds.size(), -1);
    wake.drain();
    timer.drain();
  }

  void lose(lease_record& record, const std::string& why) const {
    record.lose(*notices, why);
    log(log_level::error, "lock " + quoted(record.lock()) + " lost: " + why);
  }

  void revoke(const protocol::revocation& r) {
    std::shared_ptr<lease_record> record;
    {
      const std::lock_guard lock(guard);
      const auto it = std::find_if(leases.begin(), leases.end(), [&](const auto& entry) {
        const auto& one = *entry.second.record;
        return one.owner() == r.id && one.lock() == r.lock;
      });
      if (it == leases.end()) return;
      record = std::move(it->second.record);
      leases.erase(it);
    }
    record->revoked();
    lose(*record, "it was revoked by " + r.by);
  }

  [[nodiscard]] bool is_stopped() {
    const std::lock_guard lock(guard);
    return stopped;
  }

  /// One round: reports what is over, collects what is due. Returns when to look again.
  protocol::ms round(renewals& due) {
    std::vector<std::shared_ptr<lease_record>> over;
    std::function<void()> tell;
    protocol::ms next = kNever;
    {
      const std::lock_guard lock(guard);
      const auto now = now_ms();
      for (auto it = leases.begin(); it != leases.end();) {
        auto& k = it->second;
        if (k.schedule.valid_until() <= now && !planted_in_renewals()) {
          over.push_back(std::move(k.record));
          it = leases.erase(it);
          continue;
        }
        next = std::min(next, k.schedule.valid_until());
        if (!k.renewing && k.schedule.next_renewal() <= now) {
          k.renewing = true;
          due.push_back(k.record);
        }
        if (!k.renewing) next = std::min(next, k.schedule.next_renewal());
        if (held_long && now >= k.since + kLong) tell.swap(held_long);
        if (held_long) next = std::min(next, k.since + kLong);
        ++it;
      }
      asleep_until = next;
    }
    for (const auto& record : over) lose(*record, "it was not renewed in time, before its lease ended");
    if (tell) tell();
    return next;
  }

  /// No thread can be had for its renewal: again soon.
  void not_sent(const lease_record& record) {
    const std::lock_guard lock(guard);
    const auto it = leases.find(&record);
    if (it == leases.end()) return;
    it->second.renewing = false;
    it->second.schedule.unanswered(now_ms());
    poke();
  }

  void renew(const std::shared_ptr<lease_record>& record) {
    {
      const std::lock_guard lock(guard);
      if (stopped || !renews || !leases.contains(record.get())) return;
    }
    const auto sent = now_ms();
    const answer a = where->apply(record->ask(protocol::operation::renew), lane::renewal);
    const bool anybody = planted(bug::renew_no_owner) && a.reply.holders > 0;
    const bool mine = a.what == answer::kind::replied && (a.reply.mine || anybody);
    const bool gone = a.what == answer::kind::replied && !mine;
    std::string trouble;
    bool lost = false;
    {
      const std::lock_guard lock(guard);
      const auto it = leases.find(record.get());
      if (it == leases.end()) return;  // released or over meanwhile
      auto& k = it->second;
      k.renewing = false;
      if (mine && k.schedule.valid_until() <= now_ms() && !planted_in_renewals()) {
        // Too late: it may have been seen to be over. The watch is about to say so.
      } else if (mine) {
        k.schedule.renewed(planted(bug::lease_from_answer) ? now_ms() : sent);
        k.in_trouble = false;
        record->extend(k.schedule.valid_until());
        if (a.reply.queue > 0) record->seen_alone(false);
      } else if (gone) {
        leases.erase(it);
        lost = true;
      } else {
        k.schedule.unanswered(now_ms());
        if (!k.in_trouble) trouble = a.why;
        k.in_trouble = true;
      }
    }
    if (lost) {
      lose(*record, no_longer_ours);
    } else if (!trouble.empty()) {
      log(log_level::warning, "lock " + quoted(record->lock()) + " could not be renewed, trying again: " + trouble);
    }
    poke();
  }
};

lease_keeper::lease_keeper(std::shared_ptr<store> where, std::shared_ptr<worker_pool> notices, log_callback log,
                           std::function<void()> held_long)
    : shared_(std::make_shared<shared>()) {
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
    watch_.detach();
  } else if (watch_.joinable()) {
    watch_.join();
  }
  renewals_.stop(patience);
}

void lease_keeper::keep(const std::shared_ptr<lease_record>& record, const protocol::lease_schedule& schedule) {
  const std::lock_guard lock(shared_->guard);
  auto& k = shared_->leases.emplace(record.get(), shared::kept{record, schedule, now_ms()}).first->second;
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
