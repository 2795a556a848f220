#include "engine/retry_queue.hpp"

#include <algorithm>
#include <utility>

namespace dlock::engine {
namespace {

constexpr std::size_t kUnanswered = 8;  // how many may be under way to a silent server; but at most half of `most`

}  // namespace

retry_queue::number retry_queue::add(protocol::request r, ms until, ms now) {
  pausing_.emplace(now, item{++last_, std::move(r), until});
  return last_;
}

bool retry_queue::is_full() const noexcept {
  return under_way_.size() >= (silent_ ? std::clamp<std::size_t>(most_ / 2, 1, kUnanswered) : most_);
}

std::optional<ms> retry_queue::next() const {
  if (pausing_.empty() || is_full()) return std::nullopt;
  return closed_ ? 0 : pausing_.begin()->first;
}

std::optional<retry_queue::number> retry_queue::take(ms now) {
  if (const auto due = next(); !due || *due > now) return std::nullopt;
  auto first = std::move(pausing_.extract(pausing_.begin()).mapped());
  const number n = first.n;
  under_way_.emplace(n, std::move(first));
  return n;
}

const protocol::request* retry_queue::begin(number n, ms now) {
  auto& i = under_way_.at(n);
  i.began = now;
  if (now < i.until) return &i.r;
  under_way_.erase(n);
  return nullptr;
}

bool retry_queue::ended(number n, bool answered, ms last_answer, ms now) {
  auto i = std::move(under_way_.extract(n).mapped());
  if (!answered && last_answer < i.began) silent_ = true;
  if (answered || now >= i.until || closed_) return true;
  const ms due = now + i.pause.next();
  pausing_.emplace(due, std::move(i));
  return false;
}

void retry_queue::drop(number n) {
  under_way_.erase(n);
}

void retry_queue::server_answers() {
  if (!std::exchange(silent_, false)) return;
  decltype(pausing_) due;
  for (auto& [_, i] : pausing_) due.emplace(0, std::move(i));
  pausing_.swap(due);
}

}  // namespace dlock::engine
