#include "runtime/health.hpp"

#include <dlock/text.hpp>

namespace dlock {
namespace {

const char* name_of(health::part which) {
  switch (which) {
    case health::part::inbox:
      return "being woken";
    case health::part::events:
      return "hearing of other locks' events";
    case health::part::outbox:
      return "waking others and telling of events";
  }
  return "?";
}

}  // namespace

void health::works(part which) {
  set(which, {notification_status::state::working, ""});
}

void health::fails(part which, const std::string& why) {
  set(which, {notification_status::state::failing, printable(why)});
}

void health::rests(part which) {
  set(which, {});
}

void health::set(part which, notification_status s) {
  using state = notification_status::state;
  state was{};
  {
    const std::lock_guard lock(guard_);
    auto& mine = parts_[static_cast<std::size_t>(which)];
    was = mine.now;
    mine = s;
  }
  if (!log_ || was == s.now) return;
  const std::string what = std::string("notifications (") + name_of(which) + ")";
  if (s.now == state::failing) {
    log_(log_level::warning,
         what + " do not work: " + s.problem + "; waiters look at their locks from time to time instead");
  } else if (s.now == state::working && was == state::failing) {
    log_(log_level::info, what + " work again");
  }
}

notification_status health::now() const {
  const std::lock_guard lock(guard_);
  notification_status out;
  for (const auto& p : parts_) {
    if (p.now == notification_status::state::failing) return p;
    if (p.now != notification_status::state::idle) out = p;
  }
  return out;
}

}  // namespace dlock
