#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/document.hpp"

namespace dlock::protocol {

/// What one process has seen of a lock with observed expiry: since when which entry has had its beat. No clock of its
/// own: times are milliseconds on the caller's, which must not be set and must run during a suspend.
///
/// A holder counts its lease from when it *sent* the command that gave the entry its beat; this counts from when the
/// reply that first showed the beat was *received*, which is later, whatever any server's clock says. And an entry is
/// only ever removed at the beat that was seen.
class observation {
 public:
  /// A reply that a majority acknowledged, received at `now`. Entries that it does not show are forgotten.
  void saw(const std::vector<sign>& signs, ms now);

  /// Those that have not been heard of for their whole span; `me` is never among them.
  [[nodiscard]] std::vector<pulse> over(ms now, const std::string& me) const;
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  /// When the next of them will be over, unless it is heard of.
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
