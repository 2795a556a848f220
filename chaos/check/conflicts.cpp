#include "conflicts.hpp"

#include <algorithm>
#include <set>
#include <tuple>

namespace dlock::chaos {
namespace {

/// A part of a hold during which what it has does not change.
struct segment {
  std::size_t hold = 0;
  ns from = 0;
  ns to = 0;
  bool exclusive = false;
};

std::vector<segment> segments(const analysis& a, const lock_view& lock) {
  std::vector<segment> out;
  for (const auto i : lock.holds) {
    const auto& one = a.holds[i];
    for (const auto& b : one.believed) {
      const ns turn = one.what.exclusive ? std::clamp(one.downgraded, b.from, b.to) : b.from;
      if (turn > b.from) out.push_back({i, b.from, turn, true});
      if (b.to > turn) out.push_back({i, turn, b.to, false});
    }
  }
  std::sort(out.begin(), out.end(),
            [](auto& x, auto& y) { return std::tie(x.from, x.hold) < std::tie(y.from, y.hold); });
  return out;
}

/// Those who are there at a moment of the sweep.
class present {
 public:
  present(const analysis& a, const lock_view& lock, std::vector<conflict>& out) : a_(a), cap_(lock.cap), out_(out) {}

  void come(const segment& s) {
    leave(s.from);
    for (const auto& e : alone_) meet(e, s);
    if (s.exclusive) {
      for (const auto& e : together_) meet(e, s);
    } else if (cap_ > 0) {
      count(s);
    }
    (s.exclusive ? alone_ : together_).emplace(s.to, s.hold);
    if (!s.exclusive) taken_ += a_.holds[s.hold].what.weight;
  }

 private:
  using entry = std::pair<ns, std::size_t>;  // until when, who

  void leave(ns now) {
    while (!alone_.empty() && alone_.begin()->first <= now) alone_.erase(alone_.begin());
    while (!together_.empty() && together_.begin()->first <= now) {
      taken_ -= a_.holds[together_.begin()->second].what.weight;
      together_.erase(together_.begin());
    }
  }

  void meet(const entry& e, const segment& s) {
    if (e.second == s.hold) return;
    const auto& other = a_.holds[e.second];
    const auto& one = a_.holds[s.hold];
    conflict c;
    const bool other_is_older = std::tie(other.token, other.from) < std::tie(one.token, one.from);
    c.older = other_is_older ? e.second : s.hold;
    c.newer = other_is_older ? s.hold : e.second;
    c.at = s.from;
    c.with_a_reader = !s.exclusive || !other.exclusive_at(s.from);
    c.why = excuse_for(a_, a_.holds[c.older], s.from);
    // What an operator took away is believed in for a lease at most, not for as long as both like.
    const ns both_until = std::min(a_.holds[c.older].last_belief(), a_.holds[c.newer].last_belief());
    if (c.why == excuse::operator_edit) c.why = excuse_for(a_, a_.holds[c.older], std::max(s.from, both_until));
    out_.push_back(c);
  }

  /// More than there are, even without those that no lease could have kept: these have ended for the others.
  void count(const segment& s) {
    const auto weight = a_.holds[s.hold].what.weight;
    if (taken_ + weight <= cap_) return;
    conflict c{together_.begin()->second, s.hold, s.from, true};
    auto judged = weight;
    for (const auto& e : together_) {
      const auto why = excuse_for(a_, a_.holds[e.second], s.from);
      if (why == excuse::none) judged += a_.holds[e.second].what.weight;
      if (why != excuse::none) c.why = why;
    }
    if (judged > cap_) c.why = excuse::none;
    out_.push_back(c);
  }

  const analysis& a_;
  std::int64_t cap_;
  std::vector<conflict>& out_;
  std::set<entry> alone_, together_;
  std::int64_t taken_ = 0;
};

}  // namespace

const char* name(excuse why) {
  switch (why) {
    case excuse::operator_edit:
      return "operator-edit";
    case excuse::server_clock:
      return "server-clock";
    case excuse::none:
      break;
  }
  return "none";
}

excuse excuse_for(const analysis& a, const hold& one, ns at) {
  // A lease later its holder must have been told.
  const ns a_lease_before = at - a.h.calls[one.call].ttl - a.h.config.clock_skew;
  if (a.faults.edited(one.what.lock, std::max(one.asked, a_lease_before), at)) return excuse::operator_edit;
  if (a.faults.clock_wrong(one.asked, at)) return excuse::server_clock;
  return excuse::none;
}

std::vector<conflict> find_conflicts(const analysis& a, const lock_view& lock) {
  std::vector<conflict> out;
  present now(a, lock, out);
  for (const auto& s : segments(a, lock)) now.come(s);
  return out;
}

}  // namespace dlock::chaos
