#include "engine/outbox.hpp"

#include <algorithm>
#include <utility>

namespace dlock::engine {
namespace {

constexpr std::size_t kMostUnsent = 256;  // if more notices than these wait, new ones are dropped
constexpr std::size_t kUnpublished = 10'000;
constexpr std::size_t kBatch = 500;
constexpr ms kLinger = 20;
constexpr ms kLongLinger = 100;
constexpr backoff kPauses{3000, 100};

}  // namespace

outbox::outbox() : pause_(kPauses) {}

void outbox::tell(notice n) {
  if (unsent_ >= kMostUnsent) return;
  ++unsent_;
  notices_.push_back(std::move(n));
}

std::optional<outbox::notice> outbox::next_notice() {
  if (notices_.empty()) return std::nullopt;
  auto first = std::move(notices_.front());
  notices_.pop_front();
  return first;
}

void outbox::publish(protocol::announcement a, ms now) {
  if (!protocol::can_be_announced(a.lock)) return;
  if (queue_.size() < kUnpublished) {
    queue_.emplace_back(std::move(a));
  } else if (queue_.back()) {
    queue_.emplace_back();
  }
  if (now_ == state::idle) linger(now + kLinger);
}

/// Lingers until `until`, or not at all if the client ends soon.
void outbox::linger(ms until) noexcept {
  now_ = state::lingering;
  due_ = hurries_ ? 0 : until;
}

std::optional<outbox::batch> outbox::take(ms now) {
  if (next() > now) return std::nullopt;
  if (queue_.empty()) {
    now_ = state::idle;
    return std::nullopt;
  }
  now_ = state::sending;
  sending_ = std::min(queue_.size(), kBatch);
  return batch(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(sending_));
}

void outbox::sent(bool there, bool in_doubt, ms now) {
  failing_ = !there;
  if (there || in_doubt) queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(sending_));
  if (!there && in_doubt) queue_.emplace_front();
  if (there) pause_ = kPauses;
  if (hurries_ && (!there || queue_.empty())) {
    now_ = state::idle;
  } else {
    linger(now + (there ? kLongLinger : pause_.next()));
  }
}

void outbox::postpone(ms now) {
  if (now_ != state::lingering) return;
  if (hurries_) {
    now_ = state::idle;
  } else {
    linger(now + pause_.next());
  }
}

void outbox::hurry(ms now) {
  hurries_ = true;
  if (now_ == state::lingering) linger(now);
  if (now_ == state::lingering && queue_.empty()) now_ = state::idle;
}

}  // namespace dlock::engine
