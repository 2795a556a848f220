// The servers: who is there, and by how much do their clocks differ.
#include <algorithm>
#include <charconv>
#include <set>
#include <string>
#include <utility>

#include "doctor/checks.hpp"
#include "doctor/report.hpp"

namespace dlock::doctor {
namespace {

using std::chrono::microseconds;

constexpr auto kStatus = "rs.status()";

bool has_data(const member_info& m) {
  return m.state == member_state::primary || m.state == member_state::secondary;
}

bool is_a_set(const facts& f) {
  return !f.url.direct && std::any_of(f.members.begin(), f.members.end(), [](const auto& m) {
    return has_data(m) || m.state == member_state::arbiter || m.state == member_state::other;
  });
}

/// How many of these members acknowledge a write of w: "majority". Seven have a vote at most.
std::size_t majority_of(std::size_t members) {
  return std::min<std::size_t>(members, 7) / 2 + 1;
}

struct release_number {
  int major = 0, minor = 0;
  auto operator<=>(const release_number&) const = default;
  [[nodiscard]] std::string text() const { return std::to_string(major) + "." + std::to_string(minor); }
};

/// {0, 0} if the text is not a version.
release_number release_of(const std::string& version) {
  release_number out;
  const char* const end = version.data() + version.size();
  const auto [dot, first] = std::from_chars(version.data(), end, out.major);
  if (first != std::errc() || dot == end || *dot != '.') return {};
  if (std::from_chars(dot + 1, end, out.minor).ec != std::errc()) return {};
  return out;
}

/// The last days of MongoDB's support, in ms since 1970. Releases that are not here have none that is known.
struct support {
  release_number of;
  std::int64_t end;
  const char* day;
};
constexpr support kSupport[] = {{{4, 4}, 1709164800000, "2024-02-29"},
                                {{5, 0}, 1730332800000, "2024-10-31"},
                                {{6, 0}, 1753920000000, "2025-07-31"},
                                {{7, 0}, 1819670400000, "2027-08-31"},
                                {{8, 0}, 1888099200000, "2029-10-31"}};
constexpr release_number kOldest{4, 4};

/// The members whose clock is known.
std::vector<member_info> with_clock(const facts& f) {
  auto out = f.members;
  std::erase_if(out, [](const auto& m) { return !m.reachable || m.clock_precision.count() == 0; });
  return out;
}

std::string signed_time(microseconds offset) {
  return in_time(offset.count() < 0 ? -offset : offset) + (offset.count() < 0 ? " behind" : " ahead of");
}

}  // namespace

void check_members(const facts& f, std::vector<diagnosis>& out) {
  report to(out, "members");
  if (!f.contact.done()) {
    const bool refused = f.contact.what == looked::end::refused;
    to.finding((refused ? "the primary cannot be used: " : "there is no primary: ") + f.contact.why,
               "no lock is granted, renewed or released", kStatus);
  }
  for (const auto& m : f.members) {
    if (!m.reachable) {
      to.finding(m.host + " does not answer: " + m.problem, "the locks depend on the other members", kStatus);
    } else if (m.state == member_state::other) {
      to.finding(m.host + " is neither primary nor secondary",
                 "it acknowledges nothing, and cannot become primary, until it has recovered", kStatus);
    }
  }
  if (to.any()) return;
  std::string states;
  for (const auto& m : f.members) states += (states.empty() ? "" : ", ") + m.host + " " + to_string(m.state);
  to.ok(states);
}

void check_majority(const facts& f, std::vector<diagnosis>& out) {
  report to(out, "majority");
  if (!is_a_set(f)) return to.ok("not judged: no list of the members of a replica set");
  const auto all = f.members.size();
  const auto needed = majority_of(all);
  const auto up = static_cast<std::size_t>(std::count_if(f.members.begin(), f.members.end(), has_data));
  const auto arbiters =
      std::count_if(f.members.begin(), f.members.end(), [](const auto& m) { return m.state == member_state::arbiter; });
  const std::string have = std::to_string(up) + " of " + std::to_string(all) +
                           " members have the data; a majority needs " + std::to_string(needed);
  if (up < needed) {
    to.finding(have, "no grant is acknowledged: every acquire fails, and leases are lost", kStatus);
  } else if (arbiters > 0 && up == needed) {
    to.hint(have + ", and an arbiter acknowledges nothing",
            "if one member with data is down, there is a primary, but no lock is granted",
            "replace the arbiter by a member with data: rs.remove(HOST), rs.add(HOST)");
  } else if (all == 1) {
    to.hint("the replica set has one member", "while it is down, no lock is granted or renewed",
            "add members: rs.add(HOST)");
  }
  if (!to.any()) to.ok(have);
}

void check_topology(const facts& f, std::vector<diagnosis>& out) {
  report to(out, "topology");
  const auto is = [&](member_state state) {
    return std::any_of(f.members.begin(), f.members.end(), [&](const auto& m) { return m.state == state; });
  };
  if (is(member_state::standalone)) {
    to.finding("it is a standalone server, not a replica set",
               "when it crashes, it can lose a lock that it has granted: then two clients hold it",
               "start it with --replSet NAME, then rs.initiate()");
  } else if (is(member_state::mongos)) {
    to.hint("the locks are behind mongos",
            "clock_skew is about the clocks of all mongos, and only those in the URL were seen",
            "compare the clocks of the others, too: chronyc tracking");
  }
  if (f.url.direct && !is(member_state::standalone)) {
    to.hint("the URL says directConnection=true", "when the primary moves, this client cannot use its locks",
            "remove directConnection=true from the URL; one host is enough to find its set");
  }
  if (!to.any()) to.ok("a replica set");
}

void check_versions(const facts& f, std::vector<diagnosis>& out) {
  report to(out, "versions");
  std::set<release_number> seen;
  std::set<std::string> texts;
  for (const auto& m : f.members) {
    const auto number = release_of(m.version);
    if (number == release_number{}) continue;
    texts.insert(m.version);
    if (number < kOldest) {
      to.finding(m.host + " has MongoDB " + m.version, "dlock needs 4.4 or newer, and refuses to start", "upgrade it");
    }
    seen.insert(number);
  }
  for (const auto& each : kSupport) {
    if (seen.contains(each.of) && each.end < f.now) {
      to.hint("MongoDB " + each.of.text() + " has had no support since " + each.day,
              "its faults are not mended any more", "upgrade to a release that has support");
    }
  }
  if (seen.size() > 1) {
    to.hint("the members have several releases: " + listed({texts.begin(), texts.end()}, 7),
            "locks work, but each failover changes the release that executes them", "finish the upgrade");
  }
  if (!to.any()) to.ok(texts.empty() ? "not known" : "MongoDB " + listed({texts.begin(), texts.end()}, 7));
}

void check_clocks(const facts& f, std::vector<diagnosis>& out) {
  report to(out, "clocks");
  const auto known = with_clock(f);
  if (known.size() < 2) return to.ok("not compared: there is one clock");
  const auto by_offset = [](const auto& a, const auto& b) { return a.clock_offset < b.clock_offset; };
  const auto [low, high] = std::minmax_element(known.begin(), known.end(), by_offset);
  const auto spread = high->clock_offset - low->clock_offset;
  const auto doubt = high->clock_precision + low->clock_precision;
  const std::string skew = "clock_skew (" + in_time(f.clock_skew) + ")";
  const std::string what = "the clock of " + high->host + " is " + in_time(spread) + " (+-" + in_time(doubt) +
                           ") ahead of that of " + low->host;
  if (f.observed) return to.ok(what + "; with expiry observed this does not matter");
  const std::string mend = "chronyc tracking, on both hosts; or use expiry observed";
  if (spread - doubt > f.clock_skew) {
    to.finding(what + ", more than " + skew,
               "after a failover a live lease can end early, so that two clients hold the lock, or a take-over is late",
               mend);
  } else if (spread - doubt > f.clock_skew / 2) {
    to.hint(what + ", more than half of " + skew, "if they drift further, a live lease can end early after a failover",
            mend);
  } else {
    to.ok(what + ", within " + skew);
  }
}

void check_this_clock(const facts& f, std::vector<diagnosis>& out) {
  report to(out, "this-clock");
  constexpr microseconds kMuch{2'000'000};
  const auto known = with_clock(f);
  const auto primary = std::find_if(known.begin(), known.end(), [](const auto& m) {
    return m.state == member_state::primary || m.state == member_state::mongos || m.state == member_state::standalone;
  });
  if (primary == known.end()) return to.ok("not compared: no primary has told its time");
  const auto offset = -primary->clock_offset;
  const auto size = offset.count() < 0 ? -offset : offset;
  const std::string what = "this machine's clock is " + signed_time(offset) + " that of " + primary->host;
  if (size - primary->clock_precision <= kMuch) return to.ok(what);
  to.hint(what, "leases do not depend on it, but certificates, logs and mongo-dlock's clients do",
          "timedatectl timesync-status");
}

}  // namespace dlock::doctor
