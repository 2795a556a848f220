#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace dlock::engine {

/// The highest token that a client has seen of each lock: a later one is higher, though the document was deleted
/// meanwhile. Of each lock by itself, so that what is wrong with one document stays there. Of at most `most` locks: who
/// has not been heard of for longest is forgotten, and the server's clock alone keeps its tokens rising.
class token_floors {
 public:
  static constexpr std::size_t most = 10'000;

  void saw(const std::string& lock, std::int64_t token);
  /// 0: nothing is known.
  [[nodiscard]] std::int64_t of(const std::string& lock) const;

 private:
  using table = std::map<std::string, std::int64_t>;
  // Two generations: if the first is full, it becomes the second, which goes. So nothing has to be looked for.
  table recent_, older_;
};

}  // namespace dlock::engine
