#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <dlock/events.hpp>

namespace dlock::cli {

/// A holder of the past, or of now, as events told of it.
struct seen_grant {
  std::int64_t token = 0;  ///< 0: mongo-dlock's.
  std::string who;
  std::chrono::system_clock::time_point at;         ///< Time of the grant.
  std::optional<std::chrono::milliseconds> waited;  ///< None: not known.
  std::optional<std::chrono::milliseconds> held;    ///< None: it still holds the lock, or its end was not announced.
  bool lost = false;                                ///< Its lease was lost.
};

/// The last grants of the locks that were used last. Its size is limited. For one thread at a time.
class grant_log {
 public:
  static constexpr std::size_t most_locks = 1000;
  static constexpr std::size_t most_grants = 200;  ///< Of one lock.

  void add(const dlock::lock_event& event);
  /// Newest first.
  [[nodiscard]] std::vector<seen_grant> of(const std::string& id) const;

 private:
  struct one_lock {
    std::string id;
    std::deque<seen_grant> grants;  // in the order in which they were told
  };
  std::deque<seen_grant>& grants_of(const std::string& id);

  std::list<one_lock> locks_;  // the one that was used last comes first
  std::unordered_map<std::string, std::list<one_lock>::iterator> by_id_;
};

}  // namespace dlock::cli
