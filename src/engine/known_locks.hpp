#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "protocol/document.hpp"
#include "protocol/observation.hpp"

namespace dlock::engine {

/// What a client remembers of each lock that it uses. To forget it is always safe: it costs time, and then only the
/// server's clock keeps the tokens rising. At most `most` locks are remembered. Those that were not used for the
/// longest time are forgotten.
///
/// Which form a request is tried in first (protocol::form):
/// | the last answers about the lock                | take           | queue for it, exclusive | release | renew   |
/// |------------------------------------------------|----------------|-------------------------|---------|---------|
/// | nothing is known, or no lock was found         | whole          | whole                   | *       | whole   |
/// | somebody else holds it or waits                | whole          | brief                   | *       | whole   |
/// | it was left free                               | brief          | brief                   | *       | whole   |
/// | nobody else holds or waits, and no tombstones  | express        | express                 | express | express |
/// *: brief if it is held exclusively, else whole.
class known_locks {
 public:
  static constexpr std::size_t most = 10'000;

  /// The answer to a request about that lock.
  void saw(const protocol::request& r, const protocol::reply& a);
  /// A token of the lock.
  void saw(const std::string& lock, std::int64_t token);

  /// The highest token that the client has seen of the lock. With it, a later token is higher even if the document was
  /// deleted meanwhile. Each lock has its own floor, so that a bad number in one document does not spread to others.
  /// 0: nothing is known.
  [[nodiscard]] std::int64_t floor_of(const std::string& lock) const;
  /// The form in which the first request of an acquisition, a release or a renewal is tried.
  [[nodiscard]] protocol::form form_of(const protocol::request& r) const;

  /// With observed expiry: what an acquisition has seen of the lock. It is kept, so that tries, one after the other,
  /// can watch a dead holder, too. Then a take-over needs no waiting.
  void watched(const std::string& lock, protocol::observation seen);
  [[nodiscard]] protocol::observation seen_of(const std::string& lock) const;

 private:
  struct entry {
    std::int64_t floor = 0;
    bool there = false;  // the last answer found a lock
    bool free = false;   // ... and nobody held it or waited
    bool calm = false;   // nobody else has held it or waited since an answer said so (reply::calm)
    protocol::observation seen;
  };
  using table = std::map<std::string, entry>;
  [[nodiscard]] const entry* find(const std::string& lock) const;
  [[nodiscard]] entry& use(const std::string& lock);

  // Two generations: if the first is full, it replaces the second. So nobody has to search for the oldest entry.
  table recent_, older_;
};

}  // namespace dlock::engine
