#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "protocol/document.hpp"

namespace dlock::engine {

using protocol::ms;

/// The leases of a client that linger: nobody uses them, and the next call of this client may. At most one for each
/// lock, and at most `most`. And what was recalled lately.
///
/// | a lock         | event                           | next                                             |
/// |----------------|---------------------------------|--------------------------------------------------|
/// | used           | begins                          | a lease of it lingers                            |
/// | lingers        | ends: used again, or released   | used                                             |
/// | lingers        | too_many() says so: the oldest  | used, because its owner ends it                  |
/// | any            | recalled                        | the same; for some time may_begin() says no      |
class idle_leases {
 public:
  using number = std::uint64_t;  // of a hold; later ones have higher numbers
  static constexpr std::size_t most = 1000;

  [[nodiscard]] bool may_begin(const std::string& lock, ms now) const;
  void begins(const std::string& lock, number hold);
  void ends(const std::string& lock, number hold);
  [[nodiscard]] std::optional<number> of(const std::string& lock) const;
  /// The one that was used longest ago, if there are more than `most`.
  [[nodiscard]] std::optional<number> too_many() const;
  /// Until `until` no lease of it may linger.
  void recalled(const std::string& lock, ms until, ms now);
  /// Whether it is time to recall the lease of this acquisition: at most once a second.
  [[nodiscard]] bool recalls(const std::string& id, ms now);
  [[nodiscard]] std::size_t size() const noexcept { return leases_.size(); }

 private:
  std::map<std::string, number> leases_;
  std::set<number> all_;
  std::map<std::string, ms> recalled_, told_;
};

}  // namespace dlock::engine
