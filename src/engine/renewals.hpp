#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace dlock::engine {

/// The holds of a client, by their locks, and the locks that have a hold which has to ask the server now. Holds of one
/// lock ask together (docs/adr/0015-combined-commands.md).
///
/// | a lock | event | next                                                       |
/// |--------|-------|------------------------------------------------------------|
/// | idle   | due   | due: it is last in the row                                 |
/// | due    | due   | due: it keeps its place                                    |
/// | due    | take  | idle                                                       |
/// | due    | over  | due, even if it was the last hold: then take finds no hold |
class renewals {
 public:
  using hold = std::uint64_t;

  void held(const std::string& lock, hold h) { locks_[lock].insert(h); }
  /// The hold does not ask any more.
  void over(const std::string& lock, hold h);
  /// A hold of this lock has to ask.
  void due(const std::string& lock);
  /// The first lock in the row.
  [[nodiscard]] std::optional<std::string> take();
  /// Its holds, in the order in which they began.
  [[nodiscard]] std::set<hold> of(const std::string& lock) const;

  /// How many commands are due at least, unless holds have ended meanwhile.
  [[nodiscard]] std::size_t ready() const noexcept { return row_.size(); }
  [[nodiscard]] std::size_t size() const noexcept { return locks_.size() + row_.size(); }

 private:
  std::map<std::string, std::set<hold>> locks_;
  std::deque<std::string> row_;
  std::set<std::string> in_row_;
};

}  // namespace dlock::engine
