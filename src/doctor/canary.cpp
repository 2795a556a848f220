#include "doctor/canary.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include <dlock/client.hpp>
#include <dlock/clock.hpp>
#include <dlock/error.hpp>
#include <dlock/mutex.hpp>

#include "doctor/report.hpp"
#include "util/thread.hpp"

namespace dlock::doctor {
namespace {

using namespace std::chrono_literals;
using std::chrono::duration_cast;
using std::chrono::microseconds;

/// With working notifications a waiter polls seldom: so a hand-off that is faster than this came by a notice.
constexpr auto kPeriod = 5000ms;
constexpr auto kByNotice = 1000ms;
constexpr auto kPatience = 3000ms;

client_options of_the_canary(client_options o) {
  o.connect_timeout = 2000ms;
  o.operation_timeout = 2000ms;
  o.exp_delta = 10'000ms;
  o.wait_lock_period = kPeriod;
  o.expiry = expiry::server_clock;  // so that the TTL index removes the document if nobody else does
  o.who = "dlock doctor";
  return o;
}

/// The one that waits, on a thread of its own.
class waiter {
 public:
  waiter(client& owner, lock_options lock) : job_(owner, std::move(lock)) {
    thread_ = thread_without_signals("dlock-canary", [this] { run(); });
  }
  waiter(const waiter&) = delete;
  waiter& operator=(const waiter&) = delete;
  ~waiter() { thread_.join(); }

  /// Waits until it stands in the queue. False: it does not.
  bool wait_until_queued() {
    std::unique_lock lock(guard_);
    return changed_.wait_for(lock, kPatience, [&] { return queued_ || ended_; }) && queued_;
  }
  /// When it got the lock. It has released it by then. None: it did not get it.
  std::optional<boot_clock::time_point> granted() {
    std::unique_lock lock(guard_);
    changed_.wait_for(lock, 2 * kPatience, [&] { return ended_; });
    return granted_;
  }

 private:
  void run() {
    std::optional<boot_clock::time_point> at;
    try {
      auto got = job_.acquire({.timeout = kPatience, .on_wait = [this](const wait_status&) {
                                 const std::lock_guard lock(guard_);
                                 queued_ = true;
                                 changed_.notify_all();
                               }});
      if (got) {
        at = boot_clock::now();
        (void)got->release();
      }
    } catch (const error&) {  // who waits for it sees that it has no lock
    }
    const std::lock_guard lock(guard_);
    granted_ = at;
    ended_ = true;
    changed_.notify_all();
  }

  mutex job_;
  std::mutex guard_;
  std::condition_variable changed_;
  bool queued_ = false, ended_ = false;
  std::optional<boot_clock::time_point> granted_;
  std::thread thread_;
};

/// Waits until the waiter's inbox is open. Why not, or nothing.
std::string wait_for_notices(const client& waiting) {
  const auto end = boot_clock::now() + kPatience;
  for (;;) {
    const auto status = waiting.notifications();
    if (status.now == notification_status::state::working) return {};
    if (status.now == notification_status::state::failing) return status.problem;
    if (boot_clock::now() >= end) return "its inbox was not open after " + in_time(kPatience);
    std::this_thread::sleep_for(2ms);
  }
}

void fly(const client_options& o, flight& out, std::string& id) {
  client one(o), other(o);
  id = "dlock-doctor/" + mutex(one).id();
  const lock_options lock{.id = id, .durable_release = true};
  mutex job(one, lock);
  auto began = boot_clock::now();
  auto held = job.try_acquire();
  out.acquire = duration_cast<microseconds>(boot_clock::now() - began);
  if (!held) {
    out.failure = "a lock that nobody else knows was not acquired";
    return;
  }
  {
    waiter next(other, lock);
    if (!next.wait_until_queued()) {
      out.failure = "the second client did not get into the queue";
    } else {
      out.notices = wait_for_notices(other);
    }
    began = boot_clock::now();
    (void)held->release();
    const auto granted = next.granted();
    if (granted) {
      out.hand_off = duration_cast<microseconds>(*granted - began);
    } else if (out.failure.empty()) {
      out.failure = "the lock did not pass on to the second client";
    }
  }
  const auto sender = one.notifications();
  if (out.notices.empty() && sender.now == notification_status::state::failing) out.notices = sender.problem;
  one.close();
  other.close();
}

}  // namespace

flight send_canary(const client_options& options, examiner& server) {
  flight out;
  std::string id;
  try {
    fly(of_the_canary(options), out, id);
  } catch (const error& e) {
    out.failure = e.what();
  }
  if (!id.empty()) out.removed = server.remove(id).done();
  return out;
}

void check_canary(const flight& f, std::vector<diagnosis>& out) {
  report to(out, "canary");
  if (!f.failure.empty()) {
    to.finding(f.failure, "no lock can be used as it should", "see the other checks; dlock run -v shows each step");
    return;
  }
  const std::string what =
      "a lock was acquired in " + in_time(f.acquire) + ", and handed over in " + in_time(*f.hand_off);
  if (!f.notices.empty()) {
    to.finding(what + ", without a notice: " + f.notices, "waiters poll: each hand-off is late",
               "see the check notifications");
  } else if (*f.hand_off > kByNotice) {
    to.finding(what, "the notice was late or lost: waiters get their locks late",
               "see the check notifications; is the server busy?");
  } else {
    to.ok(what + (f.removed ? "; its document is removed" : "; the TTL index will remove its document"));
  }
}

}  // namespace dlock::doctor
