#include "document.hpp"

#include <csignal>
#include <cstdlib>
#include <sstream>

namespace dlock {

const char* to_string(lock_mode value) noexcept {
  return value == lock_mode::exclusive ? "exclusive" : value == lock_mode::shared ? "shared" : "permits";
}

namespace detail {

namespace {

lock_mode mode_of(const std::string& name) {
  return name == "exclusive" ? lock_mode::exclusive : name == "shared" ? lock_mode::shared : lock_mode::permits;
}

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> parts(1);
  for (const char c : line) {
    if (c == '\t') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::int64_t number(const std::string& text) {
  return std::strtoll(text.c_str(), nullptr, 10);
}

/// The owner begins with the process's number.
bool is_gone(const waiter_entry& waiter) {
  const auto process = static_cast<pid_t>(number(waiter.owner));
  return process > 0 && kill(process, 0) != 0;
}

}  // namespace

std::int64_t number_of(boot_clock::time_point when) {
  return when.time_since_epoch().count();
}
boot_clock::time_point time_of(std::int64_t number) {
  return boot_clock::time_point(boot_clock::duration(number));
}

holder_entry* document::holder(const std::string& owner) {
  const auto found =
      std::find_if(holders.begin(), holders.end(), [&](const auto& each) { return each.owner == owner; });
  return found == holders.end() ? nullptr : &*found;
}

void document::remove(const std::string& owner) {
  std::erase_if(holders, [&](const auto& each) { return each.owner == owner; });
  std::erase_if(waiters, [&](const auto& each) { return each.owner == owner; });
}

void document::purge(boot_clock::time_point now, std::chrono::milliseconds clock_skew) {
  std::erase_if(holders, [&](const auto& each) { return now >= time_of(each.until) + clock_skew; });
  std::erase_if(waiters, is_gone);
}

bool document::admits(const claim_shape& claim) const {
  if (claim.mode == lock_mode::exclusive) return holders.empty();
  std::int64_t taken = 0;
  for (const holder_entry& each : holders) {
    if (each.mode == lock_mode::exclusive) return false;
    taken += each.permits;
  }
  return claim.mode == lock_mode::shared || taken + claim.permits <= claim.capacity;
}

document parse_document(const std::string& text) {
  document out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    std::vector<std::string> part = split(line);
    part.resize(10);
    if (part[0] == "lock") {
      out.exists = true;
      out.token = number(part[1]);
      out.permits = number(part[2]);
    } else if (part[0] == "holder") {
      out.holders.push_back({.owner = part[1],
                             .mode = mode_of(part[2]),
                             .permits = number(part[3]),
                             .token = number(part[4]),
                             .since = number(part[5]),
                             .until = number(part[6]),
                             .revoked = part[7].find('r') != std::string::npos,
                             .foreign = part[7].find('f') != std::string::npos,
                             .kept = part[7].find('k') != std::string::npos,
                             .who = part[8],
                             .value = part[9]});
    } else if (part[0] == "waiter") {
      out.waiters.push_back({.owner = part[1],
                             .mode = mode_of(part[2]),
                             .permits = number(part[3]),
                             .since = number(part[4]),
                             .who = part[5]});
    }
  }
  return out;
}

std::string write_document(const document& value) {
  std::ostringstream out;
  out << "lock\t" << value.token << '\t' << value.permits << '\n';
  for (const holder_entry& each : value.holders) {
    const std::string flags = std::string(each.revoked ? "r" : "") + (each.foreign ? "f" : "") + (each.kept ? "k" : "");
    out << "holder\t" << each.owner << '\t' << to_string(each.mode) << '\t' << each.permits << '\t' << each.token
        << '\t' << each.since << '\t' << each.until << '\t' << (flags.empty() ? "-" : flags) << '\t' << each.who << '\t'
        << each.value << '\n';
  }
  for (const waiter_entry& each : value.waiters) {
    out << "waiter\t" << each.owner << '\t' << to_string(each.mode) << '\t' << each.permits << '\t' << each.since
        << '\t' << each.who << '\n';
  }
  return out.str();
}

}  // namespace detail
}  // namespace dlock
