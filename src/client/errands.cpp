#include "client/errands.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "util/boot_wait.hpp"

namespace dlock::detail {
namespace {

using protocol::ms;

constexpr std::size_t kUnanswered = 8;  // of a silent server, and no more than half of what may be under way
constexpr ms kFirstPause = 50;          // after no answer; doubles up to
constexpr ms kLongestPause = 1000;

}  // namespace

struct errands::errand {
  protocol::request r;
  ms until;
  activity::part here;
  listener told;
  ms pause = kFirstPause;
};

errands::errands(std::shared_ptr<store> where, std::shared_ptr<worker_pool> io, std::shared_ptr<worker_pool> notices,
                 std::stop_token closing, std::size_t most, std::shared_ptr<environment> env)
    : where_(std::move(where)),
      io_(std::move(io)),
      notices_(std::move(notices)),
      closing_(std::move(closing)),
      most_(most),
      env_(std::move(env)) {}

errands::~errands() = default;

void errands::add(protocol::request r, ms until, activity::part here, listener told) {
  auto e = std::make_shared<errand>(errand{std::move(r), until, std::move(here), std::move(told)});
  {
    const std::lock_guard lock(guard_);
    if (stopped_) return;
    waiting_.emplace(env_->now_ms(), std::move(e));
  }
  pump();
}

/// With `guard_` held.
bool errands::is_full() const {
  return under_way_ >= (silent_ ? std::clamp<std::size_t>(most_ / 2, 1, kUnanswered) : most_);
}

/// Sends what is due, as far as there is room.
void errands::pump() {
  bool watch = false;
  for (;;) {
    std::shared_ptr<errand> next;
    {
      const std::lock_guard lock(guard_);
      const bool due = !waiting_.empty() && (closing_.stop_requested() || waiting_.begin()->first <= env_->now_ms());
      if (!due || is_full()) {
        watch = !waiting_.empty() && !due && !watched_;
        watched_ = watched_ || watch;
        changed_.notify_all();
        break;
      }
      next = std::move(waiting_.extract(waiting_.begin()).mapped());
      ++under_way_;
    }
    if (io_->post([self = shared_from_this(), next]() mutable { self->attempt(std::move(next)); })) continue;
    const std::lock_guard lock(guard_);  // no thread for it: it runs out by itself
    --under_way_;
  }
  if (!watch || notices_->post_patiently([self = shared_from_this()] { self->watch(); })) return;
  const std::lock_guard lock(guard_);
  watched_ = false;
}

void errands::attempt(std::shared_ptr<errand> e) {
  answer a;
  a.why = "its time was over before its turn";
  const ms began = env_->now_ms();
  const bool sent = began < e->until;
  if (sent) a = where_->apply(e->r);
  if (a.what != answer::kind::no_answer) server_answers();
  const bool over = a.what != answer::kind::no_answer || env_->now_ms() >= e->until || closing_.stop_requested();
  if (over && e->told) e->told(a);
  {
    const std::lock_guard lock(guard_);
    --under_way_;
    if (sent && a.what == answer::kind::no_answer && answered_ < began) {
      silent_ = true;
      if (answered_ >= began) silent_ = false;  // just now, by somebody who may not have seen the silence
    }
    if (!over && !stopped_) {
      waiting_.emplace(env_->now_ms() + e->pause, e);
      e->pause = std::min(e->pause * 2, kLongestPause);
    }
  }
  e.reset();
  pump();
}

void errands::server_answers() {
  answered_ = env_->now_ms();
  if (!silent_) return;  // nearly always
  {
    const std::lock_guard lock(guard_);
    silent_ = false;
    decltype(waiting_) due;
    for (auto& [_, e] : waiting_) due.emplace(0, std::move(e));
    waiting_.swap(due);
  }
  pump();
}

/// While anything pauses.
void errands::watch() {
  for (;;) {
    {
      std::unique_lock lock(guard_);
      if (waiting_.empty() || closing_.stop_requested()) {
        watched_ = false;
        break;
      }
      if (is_full()) {
        changed_.wait(lock, closing_, [&] { return waiting_.empty() || !is_full(); });
      } else {
        const auto first = waiting_.begin()->first;
        (void)wait_until(*env_, changed_, lock, closing_, first,
                         [&] { return waiting_.empty() || waiting_.begin()->first < first; });
      }
    }
    pump();
  }
  pump();
}

void errands::stop() {
  decltype(waiting_) dropped;  // what they own goes without the lock
  const std::lock_guard lock(guard_);
  stopped_ = true;
  dropped.swap(waiting_);
  changed_.notify_all();
}

}  // namespace dlock::detail
