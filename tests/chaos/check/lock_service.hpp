#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "history.hpp"

/// What the locks are promised to be, in a few lines: a service that grants in order, ends what has run out, and a
/// resource that compares tokens. Time is a number that somebody else moves.
namespace dlock::chaos {

struct entry {
  std::string id;
  claim what;
  ns until = 0;  // by the server; holders
  ns ttl = 0;
  std::string client;
  std::function<void(std::int64_t token)> granted;  // waiters
  std::function<void()> again;                      // their entry was removed
};

class service {
 public:
  static constexpr ns skew = 500 * ns_per_ms;

  struct row {
    std::int64_t fence = 0;
    std::vector<entry> holders;
    std::deque<entry> queue;
  };

  /// Called with the time of each end that is to be looked at.
  std::function<void(const std::string& lock, ns when)> look_again;

  void enqueue(ns now, entry e);
  /// Grants at once or not at all.
  bool attempt(ns now, entry e, std::int64_t& token);
  [[nodiscard]] bool queued(const std::string& lock, const std::string& id);
  bool cancel(ns now, const std::string& lock, const std::string& id);
  /// False: it holds nothing any more.
  bool renew(ns now, const std::string& lock, const std::string& id, ns until);
  bool release(ns now, const std::string& lock, const std::string& id);
  bool downgrade(ns now, const std::string& lock, const std::string& id);
  void purge(ns now, const std::string& lock);
  /// Everybody's entries go, holders' and waiters'.
  void remove(const std::string& lock);
  /// Nobody renews its entries any more.
  void client_died(ns now, const std::string& client, ns ttl);
  /// As a clock does that jumps ahead.
  void end_all_leases(ns now);
  [[nodiscard]] std::int64_t fence(const std::string& lock) { return locks_[lock].fence; }

 private:
  void admit(ns now, const std::string& name);
  static bool fits(const row& l, const claim& what);
  std::int64_t next_token(ns now, row& l) const;

  std::map<std::string, row> locks_;
};

/// Of one lock.
struct guarded {
  std::int64_t n = 0, any = 0, exclusive = 0;
  /// Whether it would be accepted; it was seen in any case.
  bool see(std::int64_t token, bool alone) {
    const bool ok = token >= (alone ? any : exclusive);
    any = std::max(any, token);
    if (alone) exclusive = std::max(exclusive, token);
    return ok;
  }
};

}  // namespace dlock::chaos
