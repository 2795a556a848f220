#include "collection_metrics.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <string_view>

#include <dlock/text.hpp>

namespace dlock::cli {

namespace {

using double_seconds = std::chrono::duration<double>;

struct sums {
  std::size_t held = 0, waited_for = 0, headless = 0;
  std::size_t holders = 0, expired = 0, revoked = 0, kept = 0, lingering = 0, foreign = 0;
  std::size_t waiters = 0, longest_queue = 0;
  double_seconds oldest_waiter{0}, longest_hold{0};
};

void add_holder(sums& to, const dlock::lock_holder& h, std::chrono::system_clock::time_point at) {
  if (h.kept) {
    ++to.kept;  // its owner has released it
    return;
  }
  ++to.holders;
  to.revoked += h.revoked ? 1U : 0U;
  to.lingering += h.lingering ? 1U : 0U;
  to.foreign += h.foreign ? 1U : 0U;
  to.longest_hold = std::max<double_seconds>(to.longest_hold, at - h.since);
}

sums add_up(const std::vector<dlock::lock_state>& locks) {
  sums out;
  for (const auto& lock : locks) {
    out.held += lock.holders.empty() ? 0U : 1U;
    out.waited_for += lock.waiters.empty() ? 0U : 1U;
    out.headless += lock.holders.empty() && !lock.waiters.empty() ? 1U : 0U;
    for (const auto& h : lock.holders) add_holder(out, h, lock.at);
    out.expired += static_cast<std::size_t>(
        std::count_if(lock.expired.begin(), lock.expired.end(), [](const auto& h) { return !h.kept; }));
    out.waiters += lock.waiters.size();
    out.longest_queue = std::max(out.longest_queue, lock.waiters.size());
    for (const auto& w : lock.waiters)
      out.oldest_waiter = std::max<double_seconds>(out.oldest_waiter, lock.at - w.since);
  }
  return out;
}

std::string with_help(std::string_view name, std::string_view help, const std::string& value) {
  const std::string of(name);
  return "# HELP " + of + " " + std::string(help) + "\n# TYPE " + of + " gauge\n" + of + " " + value + "\n";
}

std::string in_seconds_to(const char* format, double_seconds value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, value.count());
  return text.data();
}

std::string gauge(std::string_view name, std::string_view help, std::size_t value) {
  return with_help(name, help, std::to_string(value));
}

std::string gauge(std::string_view name, std::string_view help, double_seconds value) {
  return with_help(name, help, in_seconds_to("%.3f", value));
}

std::string label_of(const dlock::member_info& member) {
  std::string out = "{member=\"";
  for (const char c : dlock::printable(member.host)) {
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out + "\"} ";
}

std::string metrics_of(const std::vector<dlock::member_info>& members) {
  if (members.empty()) return {};
  std::string up, offset;
  for (const auto& each : members) {
    const std::string label = label_of(each);
    up += "dlock_member_up" + label + (each.reachable ? "1\n" : "0\n");
    if (!each.reachable) continue;
    offset += "dlock_member_clock_offset_seconds" + label + in_seconds_to("%.6f", each.clock_offset) + "\n";
  }
  std::string out =
      "# HELP dlock_member_up Whether the member of the replica set answers.\n# TYPE dlock_member_up gauge\n" + up;
  if (offset.empty()) return out;
  return out +
         "# HELP dlock_member_clock_offset_seconds By how much its clock is ahead of the clock here.\n"
         "# TYPE dlock_member_clock_offset_seconds gauge\n" +
         offset;
}

std::string up_text(std::size_t value) {
  return gauge("dlock_up", "Whether the locks of the collection could be read.", value);
}

}  // namespace

std::string collection_metrics(const std::vector<dlock::lock_state>& locks,
                               const std::vector<dlock::member_info>& members, double_seconds read_in) {
  const sums s = add_up(locks);
  return up_text(1) + gauge("dlock_read_seconds", "How long it took to read the locks.", read_in) +
         gauge("dlock_locks", "Locks in the collection, also those that nobody uses.", locks.size()) +
         gauge("dlock_locks_held", "Locks that somebody holds.", s.held) +
         gauge("dlock_locks_waited_for", "Locks that somebody waits for.", s.waited_for) +
         gauge("dlock_locks_without_holder", "Locks that somebody waits for and nobody holds.", s.headless) +
         gauge("dlock_holders", "Holders of all locks.", s.holders) +
         gauge("dlock_holders_expired",
               "Holders whose lease ended by itself, of locks that nobody has taken since. They died.", s.expired) +
         gauge("dlock_holders_revoked", "Holders that were told to give their lock back, and have not done so yet.",
               s.revoked) +
         gauge("dlock_holders_lingering", "Holders that may keep a lock that they do not use.", s.lingering) +
         gauge("dlock_holders_foreign", "Holders that are clients of mongo-dlock (Node.js).", s.foreign) +
         gauge("dlock_locks_kept", "Entries that keep a released lock taken for a minimum time.", s.kept) +
         gauge("dlock_waiters", "Waiters of all locks.", s.waiters) +
         gauge("dlock_longest_queue", "Waiters of the lock that has most of them.", s.longest_queue) +
         gauge("dlock_oldest_waiter_seconds", "How long the waiter waits that has waited longest.", s.oldest_waiter) +
         gauge("dlock_longest_hold_seconds", "How long the holder has its lock that has had it longest.",
               s.longest_hold) +
         metrics_of(members);
}

std::string metrics_of_an_outage() {
  return up_text(0);
}

}  // namespace dlock::cli
