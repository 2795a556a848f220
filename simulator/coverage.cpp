#include "simulator/coverage.hpp"

#include <cstdio>
#include <map>
#include <utility>

namespace dlock::simulator {
namespace {

constexpr std::int64_t kEnough = 1'300'000;  // this many acquisitions before every pair is required
constexpr std::int64_t kOften = 100;         // this many times for each pair

std::string line(const char* format, auto... values) {
  char out[200];
  (void)std::snprintf(out, sizeof out, format, values...);
  return out;
}

constexpr const char* kNothingSent = "no request is on its way";
constexpr const char* kOnlyReads = "it only reads";

}  // namespace

const char* to_string(fault f) noexcept {
  constexpr std::array kNames{"lost request", "lost reply",   "late request",  "late reply",  "doubled request",
                              "no primary",   "not primary",  "write concern", "rolled back", "refused",
                              "server error", "interrupted",  "not executed",  "too large",   "no thread",
                              "frozen",       "killed",       "closed",        "clock set",   "notice unheard",
                              "notice late",  "inbox closed", "revoked",       "edited",      "not a lock"};
  static_assert(kNames.size() == faults);
  return kNames[static_cast<std::size_t>(f)];
}

const char* to_string(state s) noexcept {
  constexpr std::array kNames{"try",     "enqueue", "beat",  "peek",  "renew",    "look",    "amend",
                              "release", "ask",     "read",  "undo",  "giveback", "waits",   "behind",
                              "retries", "leaves",  "holds", "rests", "asksoon",  "undosoon"};
  static_assert(kNames.size() == states);
  return kNames[static_cast<std::size_t>(s)];
}

const char* impossible(fault f, state s) noexcept {
  const bool only_reads = s == state::peeking || s == state::looking || s == state::reading;
  switch (f) {
    case fault::frozen:
    case fault::killed:
    case fault::closed:
    case fault::clock_was_set:
    case fault::edited:
    case fault::not_a_lock:
    case fault::deaf:
      return nullptr;
    case fault::revoked:
      return s == state::asking || s == state::reading || s == state::asking_soon || s == state::behind
                 ? "it is about no holder of its own"
             : s == state::leaving ? "its cancel is counted"
                                   : nullptr;
    case fault::unheard:
    case fault::late_notice:
      return s == state::waiting || s == state::beating || s == state::peeking || s == state::enqueuing ||
                     s == state::retrying
                 ? nullptr
                 : "a grant notice is for a waiter";
    default:
      break;
  }
  if (s >= state::waiting) return kNothingSent;
  if (only_reads && (f == fault::write_concern || f == fault::rolled_back || f == fault::too_large)) return kOnlyReads;
  if (f == fault::too_large && s != state::trying && s != state::enqueuing) return "it adds no entry";
  return nullptr;
}

std::int64_t coverage::all_faults() const noexcept {
  std::int64_t sum = 0;
  for (const auto& of : hits) {
    for (const auto n : of) sum += n;
  }
  return sum;
}

coverage& coverage::operator+=(const coverage& o) noexcept {
  for (const auto each :
       {&coverage::runs, &coverage::acquired, &coverage::contended, &coverage::nested, &coverage::passed_on,
        &coverage::elections, &coverage::lost, &coverage::resized, &coverage::combined, &coverage::renewed,
        &coverage::brief, &coverage::express, &coverage::early, &coverage::by_announcement, &coverage::excused_clock,
        &coverage::excused_edit}) {
    this->*each += o.*each;
  }
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
  if (50 * early < acquired) out.push_back(line("only %lld of %lld were released early", early, acquired));
  if (acquired < kEnough) return out;
  if (renewed < kOften) out.push_back(line("only %lld renewals went together with others", renewed));
  if (passed_on < kOften) out.push_back(line("leases passed on only %lld times", passed_on));
  for (std::size_t f = 0; f < faults; ++f) {
    for (std::size_t s = 0; s < states; ++s) {
      const auto what = static_cast<fault>(f);
      const auto where = static_cast<state>(s);
      if (impossible(what, where) != nullptr || hits[f][s] >= kOften) continue;
      out.push_back(line("\"%s\" happened only %lld times to \"%s\"", to_string(what), hits[f][s], to_string(where)));
    }
  }
  return out;
}

std::string coverage::text() const {
  return line(
             "%lld runs, %lld acquisitions, %lld of them contended, %lld with another lock, %lld by announcement, %lld "
             "passed on inside a process\n",
             runs, acquired, contended, nested, by_announcement, passed_on) +
         line(
             "%lld requests in combined commands (%lld renewals), %lld in short form, %lld in express form, %lld early "
             "releases\n",
             combined, renewed, brief, express, early) +
         line("%lld leases lost, %lld resizes\n", lost, resized) +
         line("%lld faults, %lld elections; overlaps excused: %lld by a server's clock, %lld by an edit\n",
              all_faults(), elections, excused_clock, excused_edit);
}

std::string coverage::table() const {
  std::string out = line("%-16s", "");
  std::map<std::string, std::string> why;
  for (std::size_t s = 0; s < states; ++s) out += line(" %8s", to_string(static_cast<state>(s)));
  out += '\n';
  for (std::size_t f = 0; f < faults; ++f) {
    out += line("%-16s", to_string(static_cast<fault>(f)));
    for (std::size_t s = 0; s < states; ++s) {
      const auto what = static_cast<fault>(f);
      const auto where = static_cast<state>(s);
      if (const char* never = impossible(what, where); never == nullptr) {
        out += line(" %8lld", hits[f][s]);
      } else {
        out += line(" %8s", "-");
        auto& all = why[std::string(to_string(what)) + ": " + never];
        all += std::string(all.empty() ? "" : ", ") + to_string(where);
      }
    }
    out += '\n';
  }
  out += "\nwhat cannot happen:\n";
  for (const auto& [reason, where] : why) out += reason + " (" + where + ")\n";
  return out;
}

}  // namespace dlock::simulator
