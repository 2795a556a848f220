#include "simulator/coverage.hpp"

#include <cstdio>

namespace dlock::simulator {
namespace {

constexpr std::int64_t kEnough = 1'400'000;  // this many acquisitions before every pair is required
constexpr std::int64_t kOften = 100;         // this many times for each pair

std::string line(const char* format, auto... values) {
  char out[160];
  (void)std::snprintf(out, sizeof out, format, values...);
  return out;
}

}  // namespace

const char* to_string(fault f) noexcept {
  constexpr std::array kNames{"lost request", "lost reply",     "late request",  "late reply",  "doubled request",
                              "no primary",   "not primary",    "write concern", "rolled back", "frozen",
                              "killed",       "notice unheard", "notice late"};
  static_assert(kNames.size() == faults);
  return kNames[static_cast<std::size_t>(f)];
}

const char* to_string(state s) noexcept {
  constexpr std::array kNames{"try",   "enqueue", "heartbeat", "peek",    "waits",
                              "renew", "holds",   "amend",     "release", "undo"};
  static_assert(kNames.size() == states);
  return kNames[static_cast<std::size_t>(s)];
}

bool possible(fault f, state s) noexcept {
  const bool idle = s == state::waiting || s == state::holding;
  switch (f) {
    case fault::frozen:
    case fault::killed:
      return true;
    case fault::unheard:
    case fault::late_notice:
      return s == state::waiting || s == state::beating || s == state::peeking || s == state::enqueuing;
    case fault::write_concern:
    case fault::rolled_back:
      return !idle && s != state::peeking;
    default:
      return !idle;
  }
}

std::int64_t coverage::all_faults() const noexcept {
  std::int64_t sum = 0;
  for (const auto& of : hits) {
    for (const auto n : of) sum += n;
  }
  return sum;
}

coverage& coverage::operator+=(const coverage& o) noexcept {
  runs += o.runs;
  acquired += o.acquired;
  contended += o.contended;
  elections += o.elections;
  lost += o.lost;
  resized += o.resized;
  by_announcement += o.by_announcement;
  excused_clock += o.excused_clock;
  excused_edit += o.excused_edit;
  for (std::size_t f = 0; f < faults; ++f) {
    for (std::size_t s = 0; s < states; ++s) hits[f][s] += o.hits[f][s];
  }
  return *this;
}

std::vector<std::string> coverage::vacuous() const {
  std::vector<std::string> out;
  if (acquired == 0) return {"nothing was acquired"};
  if (3 * contended < acquired)
    out.push_back(line("only %lld of %lld acquisitions were contended", contended, acquired));
  if (20 * all_faults() < acquired)
    out.push_back(line("only %lld faults for %lld acquisitions", all_faults(), acquired));
  if (acquired < kEnough) return out;
  for (std::size_t f = 0; f < faults; ++f) {
    for (std::size_t s = 0; s < states; ++s) {
      const auto what = static_cast<fault>(f);
      const auto where = static_cast<state>(s);
      if (!possible(what, where) || hits[f][s] >= kOften) continue;
      out.push_back(line("\"%s\" happened only %lld times to \"%s\"", to_string(what), hits[f][s], to_string(where)));
    }
  }
  return out;
}

std::string coverage::text() const {
  std::string out = line(
      "%lld runs, %lld acquisitions, %lld of them contended, %lld by announcement; %lld leases lost, %lld resizes\n",
      runs, acquired, contended, by_announcement, lost, resized);
  out += line("%lld faults, %lld elections; overlaps excused: %lld by a server's clock, %lld by an edit\n",
              all_faults(), elections, excused_clock, excused_edit);
  out += line("%-16s", "");
  for (std::size_t s = 0; s < states; ++s) out += line(" %9s", to_string(static_cast<state>(s)));
  out += '\n';
  for (std::size_t f = 0; f < faults; ++f) {
    out += line("%-16s", to_string(static_cast<fault>(f)));
    for (std::size_t s = 0; s < states; ++s) {
      if (possible(static_cast<fault>(f), static_cast<state>(s))) {
        out += line(" %9lld", hits[f][s]);
      } else {
        out += line(" %9s", "-");
      }
    }
    out += '\n';
  }
  return out;
}

}  // namespace dlock::simulator
