#include "runtime/meters.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace dlock::detail {
namespace {

using std::chrono::milliseconds;

constexpr auto kNoRenewal = std::numeric_limits<std::int64_t>::max();

constexpr std::array<const char*, meters::reads + 1> kCommands{
    "try", "enqueue", "heartbeat", "peek", "renew", "release", "cancel", "amend", "revoke", "resize", "read"};
static_assert(static_cast<std::size_t>(protocol::operation::resize) + 1 == meters::reads);

}  // namespace

meters::meters(label_function label_of) : label_of_(std::move(label_of)) {
  least_left_.set(kNoRenewal);
  for (std::size_t kind = 0; kind < kKinds; ++kind) make_row(kind, label_of_ ? other : "");
}

void meters::make_row(std::size_t at, const std::string& label) {
  made_.push_back(std::make_unique<lock_row>(static_cast<lock_metrics::kind>(at % kKinds), label));
  rows_[at].store(made_.back().get(), std::memory_order_release);
}

int meters::row_of(lock_metrics::kind what, const std::string& lock) noexcept {
  if (label_of_) {
    try {
      return row_of_label(what, label_of_(lock));
    } catch (...) {  // NOLINT: a lock is not refused because it cannot be counted under its label
    }
  }
  return static_cast<int>(what);
}

int meters::row_of_label(lock_metrics::kind what, const std::string& label) {
  const std::lock_guard lock(labels_guard_);
  auto it = labels_.find(label);
  if (it == labels_.end() && labels_.size() < most_labels && label != other) {
    it = labels_.emplace(label, labels_.size() + 1).first;
  }
  const std::size_t at = (it == labels_.end() ? 0 : it->second) * kKinds + static_cast<std::size_t>(what);
  if (rows_[at].load(std::memory_order_relaxed) == nullptr) make_row(at, label);
  return static_cast<int>(at);
}

void meters::on_event(const engine::acquire_ended& e) noexcept {
  using result = engine::acquire_ended::result;
  auto& r = *rows_[index(e.row)].load(std::memory_order_relaxed);
  r.waiting.add(-1);
  if (e.refused) return r.failed.add();
  switch (e.what) {
    case result::acquired:
      r.acquired.add();
      r.held.add();
      return r.waited.add(milliseconds{e.waited});
    case result::busy:
      return r.busy.add();
    case result::timed_out:
      return r.timed_out.add();
    case result::cancelled:
      return r.cancelled.add();
    default:
      return r.failed.add();
  }
}

void meters::on_event(const engine::hold_changed& e) noexcept {
  if (!e.used && !e.after_use) return;
  auto& r = *rows_[index(e.row)].load(std::memory_order_relaxed);
  if (e.after_use) return r.found_at_release.add();
  r.held.add(-1);
  r.held_for.add(milliseconds{*e.used});
  if (e.now != engine::hold_phase::lost) return;
  switch (e.why) {
    case engine::loss::not_renewed:
    case engine::loss::ended:
      return r.expired.add();
    case engine::loss::gone:
      return r.removed.add();
    case engine::loss::revoked:
      return r.revoked.add();
  }
}

void meters::on_event(const engine::renewal_ended& e) noexcept {
  using result = engine::renewal_ended::result;
  switch (e.what) {
    case result::renewed:
      least_left_.set(std::min(least_left_.signed_value(), e.left));
      renewed_.add();
      return left_.add(milliseconds{e.left});
    case result::no_answer:
      return renewals_failed_.add();
    case result::late:
      return renewals_too_late_.add();
    case result::lost:
      return renewals_lost_.add();
  }
}

void meters::command(std::size_t what, std::chrono::microseconds took, const answer& a) noexcept {
  auto& c = commands_[what];
  c.took.add(took);
  (a.what == answer::kind::replied ? c.answered : a.what == answer::kind::refused ? c.refused : c.no_answer).add();
  if (a.in_doubt) c.in_doubt.add();
}

bool meters::lock_row::is_used() const noexcept {
  return acquired.value() + busy.value() + timed_out.value() + cancelled.value() + failed.value() + waiting.value() > 0;
}

lock_metrics meters::lock_row::value() const {
  lock_metrics m;
  m.what = what;
  m.label = label;
  m.acquired = acquired.value();
  m.busy = busy.value();
  m.timed_out = timed_out.value();
  m.cancelled = cancelled.value();
  m.failed = failed.value();
  m.waited = waited.value();
  m.waiting = waiting.value();
  m.held = held.value();
  m.held_for = held_for.value();
  m.expired = expired.value();
  m.removed = removed.value();
  m.revoked = revoked.value();
  m.found_at_release = found_at_release.value();
  return m;
}

metrics_snapshot meters::snapshot() const {
  metrics_snapshot out;
  for (const auto& each : rows_) {
    const auto* r = each.load(std::memory_order_acquire);
    if (r == nullptr || !r->is_used()) continue;
    out.locks.push_back(r->value());
    if (r->what == lock_metrics::kind::election) out.elections_led += out.locks.back().held;
  }
  for (std::size_t i = 0; i < commands_.size(); ++i) {
    const auto& c = commands_[i];
    command_metrics m{.name = kCommands[i],
                      .answered = c.answered.value(),
                      .no_answer = c.no_answer.value(),
                      .refused = c.refused.value(),
                      .in_doubt = c.in_doubt.value(),
                      .took = c.took.value()};
    if (m.took.count() > 0) out.commands.push_back(std::move(m));
  }
  out.renewed = renewed_.value();
  out.renewals_failed = renewals_failed_.value();
  out.renewals_too_late = renewals_too_late_.value();
  out.renewals_lost = renewals_lost_.value();
  out.left_at_renewal = left_.value();
  if (const auto least = least_left_.signed_value(); least != kNoRenewal) {
    out.least_left_at_renewal = milliseconds{least};
  }
  out.notifications_up = failing_.value() == 0;
  return out;
}

}  // namespace dlock::detail
