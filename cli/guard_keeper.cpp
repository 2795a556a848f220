#include "guard_keeper.hpp"

#include <algorithm>
#include <utility>

#include "text.hpp"

namespace dlock::cli {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds nudge_after{5000};
/// After this time the guard is ended, together with what runs under the lock. Without the guard, nobody would notice
/// its end or pass a signal on.
constexpr milliseconds guard_patience{30'000};

}  // namespace

guard_keeper::guard_keeper(guard_link& guard, holding& held, const command_options& options)
    : guard_(guard),
      held_(held),
      tick_(std::clamp(options.client.exp_delta / 20, milliseconds(10), milliseconds(1000))),
      plan_(options.kill_after, kill_reserve(options.client.exp_delta)) {}

void guard_keeper::start(const std::vector<std::string>& environment) {
  told_ = held_.valid_until();
  plan_.lease_until(told_);
  guard_.start(told_, environment);
}

void guard_keeper::look() {
  if (const auto end = held_.valid_until(); end != told_) {
    told_ = end;
    plan_.lease_until(end);
    guard_.lease_until(end);
  }
  guard_.flush();
  const auto now = boot_clock::now();
  // Count at most one tick per poll: while dlock itself was stopped, nobody waited for the guard.
  const auto passed = std::min<boot_clock::duration>(now - std::exchange(looked_, now), tick_);
  behind_ = guard_.is_behind() ? behind_ + passed : boot_clock::duration(0);
  if (behind_ > nudge_after) guard_.wake();
  if (behind_ > guard_patience) {
    throw failure(
        "the guard process of this dlock does not answer; what ran under the lock was ended, and the lock is released");
  }
}

void guard_keeper::lost() {
  plan_.begin(boot_clock::now());
  guard_.lost();
}

bool guard_keeper::is_overdue(bool at_work) const {
  return boot_clock::now() > plan_.overdue_at(at_work);
}

}  // namespace dlock::cli
