#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/document.hpp"

namespace dlock::protocol {

/// What one process has seen of a lock with observed expiry: for each entry, since when it has had its beat. This class
/// has no clock of its own. Times are milliseconds on the caller's clock. That must be a clock that nobody can set and
/// that runs during a suspend.
///
/// A holder counts its lease from the moment at which it *sent* the command that gave the entry its beat. This class
/// counts from the moment at which the reply that first showed the beat was *received*. That is later, whatever the
/// clock of any server says. And an entry is removed only if it still has the beat that was seen.
class observation {
 public:
  /// A reply that a majority acknowledged was received at `now`. Entries that it does not show are forgotten.
  void saw(const std::vector<sign>& signs, ms now);

  /// The entries that have had the same beat for their whole span. `me` is never among them.
  [[nodiscard]] std::vector<pulse> over(ms now, const std::string& me) const;
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  /// When the next entry will be over, if its beat does not change before.
  [[nodiscard]] std::optional<ms> next(const std::string& me) const;

 private:
  struct watched {
    std::int64_t beat;
    ms since;
    ms over;
  };
  std::map<std::string, watched> entries_;
};

}  // namespace dlock::protocol
