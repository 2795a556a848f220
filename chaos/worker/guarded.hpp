#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "history.hpp"

namespace chaos {

/// What the locks guard: a counter for each, and the fencing rules of docs/kinds.md. It judges one request after the
/// other and writes down each.
class guarded {
 public:
  /// Not fenced: whoever comes may write.
  guarded(history& into, bool fenced) : into_(into), fenced_(fenced) {}

  /// The answer to one line of the protocol: get LOCK MODE TOKEN ID FROM, put LOCK N TOKEN ID FROM, see LOCK TOKEN ID
  /// FROM, enter|leave LOCK WEIGHT TOKEN ID FROM.
  [[nodiscard]] std::string answer(const std::string& line);

 private:
  struct resource {
    std::int64_t n = 0;
    std::int64_t highest = 0;            // token of any holder,
    std::int64_t highest_exclusive = 0;  // and of an exclusive one
  };
  [[nodiscard]] bool accepts(resource& r, std::int64_t token, bool exclusive) const;

  history& into_;
  const bool fenced_;
  std::map<std::string, resource> resources_;
};

}  // namespace chaos
