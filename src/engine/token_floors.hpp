#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace dlock::engine {

/// The highest token that a client has seen of each lock. With it, a later token is higher even if the document was
/// deleted meanwhile. Each lock has its own floor, so that a bad number in one document does not spread to others. At
/// most `most` locks are remembered. The locks that were not seen for the longest time are forgotten; then only the
/// server's clock keeps their tokens rising.
class token_floors {
 public:
  static constexpr std::size_t most = 10'000;

  void saw(const std::string& lock, std::int64_t token);
  /// 0: nothing is known.
  [[nodiscard]] std::int64_t of(const std::string& lock) const;

 private:
  using table = std::map<std::string, std::int64_t>;
  // Two generations: if the first is full, it replaces the second. So nobody has to search for the oldest entry.
  table recent_, older_;
};

}  // namespace dlock::engine
