#include "collection_metrics.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <map>
#include <string_view>

#include <dlock/text.hpp>

namespace dlock::cli {

namespace {

using double_seconds = std::chrono::duration<double>;

constexpr std::size_t most_labels = 100;

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

void add_lock(sums& to, const dlock::lock_state& lock) {
  to.held += lock.holders.empty() ? 0U : 1U;
  to.waited_for += lock.waiters.empty() ? 0U : 1U;
  to.headless += lock.holders.empty() && !lock.waiters.empty() ? 1U : 0U;
  for (const auto& h : lock.holders) add_holder(to, h, lock.at);
  to.expired += static_cast<std::size_t>(
      std::count_if(lock.expired.begin(), lock.expired.end(), [](const auto& h) { return !h.kept; }));
  to.waiters += lock.waiters.size();
  to.longest_queue = std::max(to.longest_queue, lock.waiters.size());
  for (const auto& w : lock.waiters) to.oldest_waiter = std::max<double_seconds>(to.oldest_waiter, lock.at - w.since);
}

std::string family(const std::string& name, std::string_view help, const std::string& samples) {
  return "# HELP " + name + " " + std::string(help) + "\n# TYPE " + name + " gauge\n" + samples;
}

std::string with_help(const std::string& name, std::string_view help, const std::string& value) {
  return family(name, help, name + " " + value + "\n");
}

std::string in_seconds_to(const char* format, double_seconds value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, value.count());
  return text.data();
}

std::string gauge(const std::string& name, std::string_view help, std::size_t value) {
  return with_help(name, help, std::to_string(value));
}

std::string gauge(const std::string& name, std::string_view help, double_seconds value) {
  return with_help(name, help, in_seconds_to("%.3f", value));
}

std::string label_of(const std::string& name, std::string_view value) {
  std::string out = "{" + name + "=\"";
  for (const char c : dlock::printable(value)) {
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out + "\"} ";
}

/// By label. The first locks have their IDs, and all others are "other".
std::map<std::string, sums> by_label(const std::vector<dlock::lock_state>& locks) {
  std::map<std::string, sums> out;
  for (const auto& lock : locks) {
    std::string label = label_of("lock", lock.id);
    if (out.size() >= most_labels && !out.contains(label)) label = label_of("lock", "other");
    add_lock(out[label], lock);
  }
  return out;
}

std::string metrics_of_each(const std::vector<dlock::lock_state>& locks) {
  if (locks.empty()) return {};
  std::string holders, waiters, oldest_waiter, longest_hold;
  for (const auto& [label, s] : by_label(locks)) {
    holders += "dlock_lock_holders" + label + std::to_string(s.holders) + "\n";
    waiters += "dlock_lock_waiters" + label + std::to_string(s.waiters) + "\n";
    oldest_waiter += "dlock_lock_oldest_waiter_seconds" + label + in_seconds_to("%.3f", s.oldest_waiter) + "\n";
    longest_hold += "dlock_lock_longest_hold_seconds" + label + in_seconds_to("%.3f", s.longest_hold) + "\n";
  }
  return family("dlock_lock_holders", "Holders of this lock.", holders) +
         family("dlock_lock_waiters", "Waiters of this lock.", waiters) +
         family("dlock_lock_oldest_waiter_seconds", "How long its oldest waiter waits.", oldest_waiter) +
         family("dlock_lock_longest_hold_seconds", "How long its oldest holder has it.", longest_hold);
}

std::string metrics_of(const std::vector<dlock::member_info>& members) {
  if (members.empty()) return {};
  std::string up, offset;
  for (const auto& each : members) {
    const std::string label = label_of("member", each.host);
    up += "dlock_member_up" + label + (each.reachable ? "1\n" : "0\n");
    if (!each.reachable) continue;
    offset += "dlock_member_clock_offset_seconds" + label + in_seconds_to("%.6f", each.clock_offset) + "\n";
  }
  std::string out = family("dlock_member_up", "Whether the member of the replica set answers.", up);
  if (offset.empty()) return out;
  return out + family("dlock_member_clock_offset_seconds", "By how much its clock is ahead of the clock here.", offset);
}

std::string up_text(std::size_t value) {
  return gauge("dlock_up", "Whether the locks of the collection could be read.", value);
}

}  // namespace

std::string collection_metrics(const std::vector<dlock::lock_state>& locks,
                               const std::vector<dlock::member_info>& members, double_seconds read_in,
                               bool label_locks) {
  sums s;
  for (const auto& lock : locks) add_lock(s, lock);
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
         (label_locks ? metrics_of_each(locks) : "") + metrics_of(members);
}

std::string metrics_of_an_outage() {
  return up_text(0);
}

}  // namespace dlock::cli
