#include "lock_table.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "text.hpp"
#include "timestamp.hpp"

namespace dlock::cli {

namespace {

using wall_time = std::chrono::system_clock::time_point;
using row = std::vector<std::string>;

/// Counts characters, not bytes. That is good enough, although some characters have another width.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

/// The last column is not padded. It is left out if only its heading has a text.
std::string aligned(std::vector<row> rows) {
  if (std::all_of(rows.begin() + 1, rows.end(), [](const row& each) { return each.back().empty(); })) {
    for (row& each : rows) each.pop_back();
  }
  std::vector<std::size_t> widths;
  for (const row& each : rows) {
    widths.resize(std::max(widths.size(), each.size()));
    for (std::size_t i = 0; i < each.size(); ++i) widths[i] = std::max(widths[i], width(each[i]));
  }
  std::string out;
  for (row& each : rows) {
    while (each.back().empty()) each.pop_back();  // no blanks at the end of a line
    for (std::size_t i = 0; i < each.size(); ++i) {
      out += each[i];
      out += i + 1 < each.size() ? std::string(widths[i] - width(each[i]) + 2, ' ') : "\n";
    }
  }
  return out;
}

std::int64_t permits_in_use(const dlock::lock_state& lock) {
  std::int64_t sum = 0;
  for (const dlock::lock_holder& each : lock.holders) sum += each.permits;
  return sum;
}

std::string kind_of(const dlock::lock_state& lock) {
  if (lock.permits > 0) {
    return "semaphore " + std::to_string(permits_in_use(lock)) + "/" + std::to_string(lock.permits);
  }
  if (!lock.holders.empty()) return dlock::to_string(lock.holders.front().mode);
  return lock.waiters.empty() ? "-" : dlock::to_string(lock.waiters.front().mode);
}

std::string token(std::int64_t number) {
  return number != 0 ? std::to_string(number) : "-";
}

/// How a run went.
std::string status(const dlock::past_run& run) {
  switch (run.end) {
    case dlock::run_end::ended:
      return std::to_string(run.status);
    case dlock::run_end::too_long:
      return "too long";
    case dlock::run_end::lost:
      return "lost the lock";
    case dlock::run_end::unknown:
      break;
  }
  return "no end";
}

std::string until(const dlock::lock_holder& holder, wall_time now) {
  // overdue: a lock with observed expiry. Somebody who reads the document only once cannot tell whether this lease has
  // expired.
  const std::string end = holder.expired        ? "expired"
                          : holder.until <= now ? "overdue"
                                                : "in " + span(holder.until - now);
  return end + (holder.kept ? ", kept" : "") + (holder.lingering ? ", lingering" : "") +
         (holder.revoked ? ", revoked" : "");
}

row line(const dlock::lock_state& lock) {
  const std::string waiters = std::to_string(lock.waiters.size());
  if (lock.holders.empty()) return {printable(lock.id), kind_of(lock), "-", "-", "-", "-", waiters, ""};
  const dlock::lock_holder& first = lock.holders.front();
  const std::size_t more = lock.holders.size() - 1;
  return {printable(lock.id),
          kind_of(lock),
          name_of(first) + (more > 0 ? " +" + std::to_string(more) + " more" : ""),
          span(lock.at - first.since),
          until(first, lock.at),
          token(first.token),
          waiters,
          printable(first.value)};
}

std::string mode(dlock::lock_mode mode, std::int64_t permits) {
  if (mode != dlock::lock_mode::permits) return dlock::to_string(mode);
  return std::to_string(permits) + (permits == 1 ? " permit" : " permits");
}

std::string ago(wall_time when, wall_time now) {
  return iso(when) + " (" + span(now - when) + " ago)";
}

}  // namespace

bool is_in_use(const dlock::lock_state& lock) {
  return !lock.holders.empty() || !lock.waiters.empty();
}

std::string name_of(const dlock::lock_holder& holder) {
  return holder.foreign ? foreign_client : name_of_client(holder.who);
}

std::string lock_table(const std::vector<dlock::lock_state>& locks) {
  std::vector<row> rows{{"ID", "KIND", "HOLDER", "SINCE", "UNTIL", "TOKEN", "WAITERS", "NOTE"}};
  for (const dlock::lock_state& each : locks) rows.push_back(line(each));
  return aligned(rows);
}

std::string holder_table(const dlock::lock_state& lock) {
  return holder_table(lock, lock.holders);
}

std::string holder_table(const dlock::lock_state& lock, const std::vector<dlock::lock_holder>& holders) {
  std::vector<row> rows{{"HOLDER", "MODE", "TOKEN", "SINCE", "UNTIL", "NOTE"}};
  for (const dlock::lock_holder& each : holders) {
    rows.push_back({name_of(each), mode(each.mode, each.permits), token(each.token), ago(each.since, lock.at),
                    iso(each.until) + " (" + until(each, lock.at) + ")", printable(each.value)});
  }
  return aligned(rows);
}

std::string lock_description(const dlock::lock_state& lock) {
  std::string out = aligned({{"ID:", printable(lock.id)},
                             {"Kind:", kind_of(lock)},
                             {"Last token:", token(lock.token)},
                             {"At:", iso(lock.at)}});
  out += lock.holders.empty() ? "\nNobody holds it.\n" : "\n" + holder_table(lock);
  if (!lock.expired.empty()) out += "\nExpired holders:\n" + holder_table(lock, lock.expired);
  if (lock.waiters.empty()) return out + "\nNobody waits for it.\n";
  std::vector<row> rows{{"#", "WAITER", "MODE", "SINCE", "NOTE"}};
  for (std::size_t i = 0; i < lock.waiters.size(); ++i) {
    const dlock::lock_waiter& each = lock.waiters[i];
    rows.push_back({std::to_string(i + 1), name_of_client(each.who), mode(each.mode, each.permits),
                    ago(each.since, lock.at), printable(each.value)});
  }
  return out + "\n" + aligned(rows);
}

std::string history_table(const std::vector<dlock::past_run>& runs) {
  std::vector<row> rows{{"ENDED", "TOOK", "STATUS", "TOKEN", "WHO"}};
  for (const dlock::past_run& each : runs) {
    const bool is_over = each.end != dlock::run_end::unknown;
    rows.push_back({(is_over ? iso(each.ended) : "begun " + iso(each.ended)) + " (" + span(each.ago) + " ago)",
                    is_over ? span(each.took) : "-", status(each), token(each.token), name_of_client(each.who)});
  }
  return aligned(std::move(rows));
}

}  // namespace dlock::cli
