#include "runtime/subscribers.hpp"

#include <deque>

#include "util/clock.hpp"
#include "util/text.hpp"

namespace dlock {
namespace detail {
namespace {
constexpr std::size_t kWaiting = 1000;
}

struct subscriber::shared {
  const std::optional<std::string> id;
  const event_callback callback;
  user_calls calls;

  std::mutex guard;
  std::deque<lock_event> queue = {};
  bool running = false;

  void run() {
    for (;;) {
      lock_event next;
      {
        const std::lock_guard lock(guard);
        running = !queue.empty();
        if (!running) return;
        next = std::move(queue.front());
        queue.pop_front();
      }
      calls.call([&] { callback(next); });
    }
  }
};

subscriber::subscriber(std::optional<std::string> id, event_callback callback, log_callback log,
                       std::shared_ptr<worker_pool> threads)
    : threads_(std::move(threads)) {
  std::string whose = "a subscription to " + (id ? in_quotes(*id) : "all locks");
  shared_.reset(new shared{std::move(id), std::move(callback), {std::move(whose), std::move(log)}});
}

subscriber::~subscriber() = default;

void subscriber::deliver(const lock_event& e) {
  if (e.what != lock_event::kind::gap && shared_->id && *shared_->id != e.id) return;
  const std::lock_guard lock(shared_->guard);
  if (shared_->calls.has_ended()) return;
  auto& queue = shared_->queue;
  const bool full = queue.size() >= kWaiting;
  if (full && queue.back().what == lock_event::kind::gap) return;
  queue.push_back(full ? lock_event{.what = lock_event::kind::gap, .id = "", .token = 0, .who = "", .at = e.at} : e);
  if (!shared_->running) shared_->running = threads_->post_patiently([s = shared_] { s->run(); });
}

bool subscriber::forked() const {
  return shared_->calls.forked();
}

void subscriber::end(std::chrono::milliseconds patience) {
  if (shared_->calls.end(patience) && on_end) on_end();
}

observer::observer(const std::string& election, leader_callback callback, log_callback log)
    : callback_(std::move(callback)), calls_("an observation of " + in_quotes(election), std::move(log)) {}

void observer::tell(const std::optional<leader_info>& who) {
  calls_.call([&] { callback_(who); });
}

void observer::end(std::chrono::milliseconds patience) {
  if (calls_.end(patience) && on_end) on_end();
}

std::optional<leader_info> info_of(const protocol::holder* leader) {
  if (leader == nullptr) return std::nullopt;
  return leader_info{
      .who = leader->who, .value = leader->value, .token = leader->fence, .since = system_time(leader->since)};
}

}  // namespace detail

void subscribers::add(const std::shared_ptr<detail::subscriber>& s) {
  const std::lock_guard lock(guard_);
  all_.push_back(s);
}

void subscribers::deliver(const lock_event& e) {
  std::vector<std::shared_ptr<detail::subscriber>> now;
  {
    const std::lock_guard lock(guard_);
    std::erase_if(all_, [](const auto& weak) { return weak.expired(); });
    for (const auto& weak : all_) {
      if (auto s = weak.lock()) now.push_back(std::move(s));
    }
  }
  for (const auto& s : now) s->deliver(e);
}

}  // namespace dlock
