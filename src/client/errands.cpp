#include "client/errands.hpp"

#include <utility>

#include "util/boot_wait.hpp"

namespace dlock::detail {

using protocol::ms;

errands::errands(std::shared_ptr<store> where, std::shared_ptr<worker_pool> io, std::shared_ptr<worker_pool> notices,
                 std::stop_token closing, std::size_t most, std::shared_ptr<environment> env)
    : where_(std::move(where)),
      io_(std::move(io)),
      notices_(std::move(notices)),
      closing_(std::move(closing)),
      env_(std::move(env)),
      queue_(most) {}

errands::~errands() = default;

void errands::add(protocol::request r, ms until, activity::part here, listener told) {
  {
    const std::lock_guard lock(guard_);
    if (stopped_) return;
    const auto n = queue_.add(std::move(r), until, env_->now_ms());
    errands_.emplace(n, errand{std::move(here), std::move(told)});
  }
  pump();
}

/// Sends what is due, as far as there is room.
void errands::pump() {
  bool watch = false;
  for (;;) {
    std::optional<number> next;
    {
      const std::lock_guard lock(guard_);
      if (closing_.stop_requested()) queue_.close();
      next = queue_.take(env_->now_ms());
      if (!next) {
        watch = queue_.next() && !watched_;
        watched_ = watched_ || watch;
        changed_.notify_all();
        break;
      }
    }
    if (io_->post([self = shared_from_this(), n = *next] { self->attempt(n); })) continue;
    decltype(errands_)::node_type dropped;  // no thread for it: it runs out by itself
    const std::lock_guard lock(guard_);
    queue_.drop(*next);
    dropped = errands_.extract(*next);
  }
  if (!watch || notices_->post_patiently([self = shared_from_this()] { self->watch(); })) return;
  const std::lock_guard lock(guard_);
  watched_ = false;
}

void errands::attempt(number n) {
  answer a;
  a.why = "its time was over before its turn";
  const ms began = env_->now_ms();
  std::optional<protocol::request> r;
  decltype(errands_)::node_type mine;
  {
    const std::lock_guard lock(guard_);
    mine = errands_.extract(n);
    if (!mine) return queue_.drop(n);  // by stop()
    if (const auto* found = queue_.begin(n, began)) r = *found;
  }
  if (r) a = where_->apply(*r);
  const bool answered = a.what != answer::kind::no_answer;
  if (answered) server_answers();
  bool over = true;
  if (r) {
    const std::lock_guard lock(guard_);
    if (closing_.stop_requested()) queue_.close();
    const ms last = answered_;
    over = queue_.ended(n, answered, last, env_->now_ms());
    silent_ = queue_.is_silent();
    if (silent_ && last < began && answered_ >= began) {  // just now, by somebody who may not have seen the silence
      queue_.server_answers();
      silent_ = false;
    }
    if (stopped_) queue_.clear();
    if (!over && !stopped_) errands_.insert(std::move(mine));
  }
  if (over && mine.mapped().told) mine.mapped().told(a);
  mine = {};
  pump();
}

void errands::server_answers() {
  answered_ = env_->now_ms();
  if (!silent_) return;  // nearly always
  {
    const std::lock_guard lock(guard_);
    silent_ = false;
    queue_.server_answers();
  }
  pump();
}

/// While anything pauses.
void errands::watch() {
  for (;;) {
    {
      std::unique_lock lock(guard_);
      if (queue_.is_idle() || closing_.stop_requested()) {
        watched_ = false;
        break;
      }
      if (const auto first = queue_.next()) {
        (void)wait_until(*env_, changed_, lock, closing_, *first,
                         [&] { return queue_.is_idle() || queue_.next().value_or(*first) < *first; });
      } else {
        changed_.wait(lock, closing_, [&] { return queue_.is_idle() || !queue_.is_full(); });
      }
    }
    pump();
  }
  pump();
}

void errands::stop() {
  decltype(errands_) dropped;  // what they own goes without the lock
  const std::lock_guard lock(guard_);
  stopped_ = true;
  queue_.clear();
  dropped.swap(errands_);
  changed_.notify_all();
}

}  // namespace dlock::detail
