#include "client/outbox.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "client/feeds.hpp"
#include "util/boot_wait.hpp"
#include "util/clock.hpp"

namespace dlock {
namespace {

using namespace std::chrono_literals;

constexpr int kUntold = 256;  // more grants than these wait for nobody
constexpr std::size_t kUnpublished = 10'000;
constexpr std::size_t kBatch = 500;
/// What happens within it goes together. Each insert is replicated and gets in the way of the locks' own writes: who
/// has much to tell does so less often.
constexpr auto kLinger = 20ms;
constexpr auto kLongLinger = 100ms;
constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLongestPause{3000};

}  // namespace

struct outbox::shared {
  std::shared_ptr<channel> where;
  std::string name;
  std::shared_ptr<health> state;
  std::shared_ptr<environment> env;
  std::mutex guard;
  std::condition_variable_any changed;
  std::deque<std::optional<protocol::announcement>> queue;  // nothing: a gap
  int untold = 0;
  std::stop_source hurry;
  bool publishing = false;
  bool failing = false;

  void outcome(const answer& a) {
    if (a.what == answer::kind::replied) {
      state->works(health::part::outbox);
    } else {
      state->fails(health::part::outbox, a.why);
    }
  }

  bool begin_to_tell() {
    const std::lock_guard lock(guard);
    if (untold >= kUntold) return false;
    ++untold;
    return true;
  }

  void told() {
    const std::lock_guard lock(guard);
    if (--untold == 0) changed.notify_all();
  }

  /// The next batch; empty if there is nothing to publish, and then this publisher has ended.
  std::vector<bson> take() {
    const std::lock_guard lock(guard);
    std::vector<bson> batch;
    for (std::size_t i = 0; i < std::min(queue.size(), kBatch); ++i) {
      batch.push_back(queue[i] ? protocol::announcement_document(*queue[i]) : protocol::gap_document());
    }
    if (batch.empty()) publishing = false;
    if (batch.empty()) changed.notify_all();
    return batch;
  }

  void sent(std::size_t events, const answer& a) {
    const std::lock_guard lock(guard);
    failing = a.what != answer::kind::replied;
    // In doubt: they may be there, and twice would be a lie.
    if (!failing || a.in_doubt) queue.erase(queue.begin(), queue.begin() + static_cast<std::ptrdiff_t>(events));
    if (failing && a.in_doubt) queue.emplace_front();
    if (failing) changed.notify_all();
  }

  void stop() {
    const std::lock_guard lock(guard);
    publishing = false;  // the next one may begin again
    changed.notify_all();
  }

  void wait(std::chrono::milliseconds time) {
    std::unique_lock lock(guard);
    (void)wait_until(*env, changed, lock, hurry.get_token(), end_of_wait(env->now_ms(), time), [] { return false; });
  }

  void run() {
    auto pause = kFirstPause;
    wait(kLinger);
    for (auto batch = take(); !batch.empty(); batch = take()) {
      const answer a = where->insert(feed_of_events(name), batch);
      outcome(a);
      sent(batch.size(), a);
      const bool works = a.what == answer::kind::replied;
      if (!works && hurry.stop_requested()) return stop();
      wait(works ? kLongLinger : pause);
      pause = works ? kFirstPause : std::min(pause * 2, kLongestPause);
    }
  }
};

outbox::outbox(std::shared_ptr<channel> where, std::string channel_name, std::shared_ptr<health> state,
               std::shared_ptr<environment> env)
    : shared_(std::make_shared<shared>()) {
  shared_->where = std::move(where);
  shared_->name = std::move(channel_name);
  shared_->state = std::move(state);
  shared_->env = std::move(env);
}

outbox::~outbox() {
  flush(300ms);
  tellers_.stop(50ms);
  publisher_.stop(50ms);
}

void outbox::tell(const std::string& client, bson document) {
  if (!shared_->begin_to_tell()) return;
  auto one = std::make_shared<std::vector<bson>>();
  one->push_back(std::move(document));
  const bool posted = tellers_.post([s = shared_, client, one] {
    s->outcome(s->where->insert(feed_of_inbox(s->name, client), *one));
    s->told();
  });
  if (!posted) shared_->told();
}

void outbox::publish(protocol::announcement a) {
  if (!protocol::can_be_announced(a.lock)) return;
  const std::lock_guard lock(shared_->guard);
  auto& queue = shared_->queue;
  if (queue.size() < kUnpublished) {
    queue.emplace_back(std::move(a));
  } else if (queue.back()) {
    queue.emplace_back();
  }
  if (shared_->publishing) return;
  shared_->publishing = publisher_.post([s = shared_] { s->run(); });
}

void outbox::flush(std::chrono::milliseconds patience) {
  shared_->hurry.request_stop();
  std::unique_lock lock(shared_->guard);
  shared_->changed.wait_for(lock, patience,
                            [&] { return shared_->untold == 0 && (!shared_->publishing || shared_->failing); });
}

}  // namespace dlock
