#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <dlock/dlock.hpp>

// The document of a lock, as the fake library keeps it: a text file that tests may read and write. Its first line is
// `lock TOKEN PERMITS`, then come the holders and the waiters in order, a line each, all with tabs in between:
//
//     holder  OWNER  MODE  PERMITS  TOKEN  SINCE  UNTIL  FLAGS  WHO  VALUE
//     waiter  OWNER  MODE  PERMITS  SINCE  WHO
//
// MODE is lock_mode's name, times are nanoseconds on boot_clock, FLAGS are of r (revoked), f (foreign), k (kept) and -
// (none).

namespace dlock::detail {

struct claim_shape {
  lock_mode mode = lock_mode::exclusive;
  std::int64_t permits = 0;   // wanted
  std::int64_t capacity = 0;  // of how many
};

struct holder_entry {
  std::string owner;
  lock_mode mode = lock_mode::exclusive;
  std::int64_t permits = 0;
  std::int64_t token = 0;
  std::int64_t since = 0;
  std::int64_t until = 0;
  bool revoked = false;
  bool foreign = false;
  bool kept = false;
  std::string who;
  std::string value;
};

struct waiter_entry {
  std::string owner;
  lock_mode mode = lock_mode::exclusive;
  std::int64_t permits = 0;
  std::int64_t since = 0;
  std::string who;
};

struct document {
  bool exists = false;
  std::int64_t token = 0;
  std::int64_t permits = 0;
  std::vector<holder_entry> holders;
  std::vector<waiter_entry> waiters;

  [[nodiscard]] holder_entry* holder(const std::string& owner);
  void remove(const std::string& owner);
  /// Holders whose lease is over for everybody else, and waiters whose process is gone.
  void purge(boot_clock::time_point now, std::chrono::milliseconds clock_skew);
  [[nodiscard]] bool admits(const claim_shape& claim) const;
};

[[nodiscard]] document parse_document(const std::string& text);
[[nodiscard]] std::string write_document(const document& value);

[[nodiscard]] std::int64_t number_of(boot_clock::time_point when);
[[nodiscard]] boot_clock::time_point time_of(std::int64_t number);

}  // namespace dlock::detail
