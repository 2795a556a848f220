#include "engine/observe_machine.hpp"

#include <algorithm>
#include <utility>

namespace dlock::engine {
namespace {

constexpr ms kOld = 15'000;           // longer than an election: then somebody has deleted the document
constexpr ms kAgain = 300;            // between two reads while it looks old
constexpr ms kSoon = 10;              // at least so long between two reads because of an end
constexpr ms kLongest = ms{1} << 50;  // so that no date in the document leads to an overflow

}  // namespace

const protocol::holder* leader_of(const std::vector<protocol::snapshot>& seen, ms skew) {
  if (seen.empty() || !seen.front().valid) return nullptr;
  const auto& d = seen.front().what;
  if (d.ct != d.mine || d.holders.empty()) return nullptr;  // mongo-dlock has it, or nobody
  const auto& h = d.holders.front();
  const bool over = !d.observed && h.until <= seen.front().now - skew;  // with observed expiry, no clock says so
  return over || h.is_kept() ? nullptr : &h;
}

bool observe_machine::look(ms now) noexcept {
  if (next() > now) return false;
  now_ = state::reading;
  began_ = now;
  return true;
}

void observe_machine::nudge(ms now) noexcept {
  nudged_ = true;
  if (now_ == state::waiting) wait(now);
}

void observe_machine::wait(ms now) noexcept {
  now_ = state::waiting;
  if (std::exchange(nudged_, false)) due_ = now;
}

bool observe_machine::was_told(const protocol::holder* h) const noexcept {
  if (!told_ || told_->has_value() != (h != nullptr)) return false;
  return h == nullptr || ((*told_)->fence == h->fence && (*told_)->value == h->value);
}

/// A primary that was stopped and goes on may answer with what it had, until it learns that there is another one.
bool observe_machine::is_old(const protocol::holder* h, ms now) noexcept {
  if (h == nullptr || h->fence >= newest_) {
    old_since_.reset();
    return false;
  }
  old_since_ = old_since_.value_or(now);
  return now < *old_since_ + kOld;
}

bool observe_machine::seen(const std::vector<protocol::snapshot>& all, ms now) {
  const auto* h = leader_of(all, skew_);
  if (is_old(h, now)) {
    due_ = now + kAgain;
    wait(now);
    return false;
  }
  if (h != nullptr) newest_ = h->fence;
  std::optional<ms> ends;
  if (h != nullptr && all.front().what.observed) {
    watched_.saw({{h->id, h->beat, h->span}}, now);
    if (!watched_.over(now, {}).empty()) h = nullptr;
    if (h != nullptr) ends = watched_.next({});
  } else if (h != nullptr) {
    ends = began_ + std::min(h->until - all.front().now, kLongest) + skew_;
  }
  due_ = now + period_;
  if (ends) due_ = std::min(due_, std::max(*ends + 1, now + kSoon));
  if (was_told(h)) {
    wait(now);
    return false;
  }
  leader_ = h == nullptr ? std::nullopt : std::optional(*h);
  now_ = state::telling;
  return true;
}

void observe_machine::not_seen(ms now) noexcept {
  due_ = std::max(now, began_ + period_);
  wait(now);
}

void observe_machine::told(ms now) {
  told_ = leader_;
  wait(now);
}

}  // namespace dlock::engine
