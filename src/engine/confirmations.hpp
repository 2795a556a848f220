#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/timers.hpp"
#include "protocol/document.hpp"
#include "protocol/lookup.hpp"

namespace dlock::engine {

/// Releases that only the primary has acknowledged. An election may take them back. So each is remembered until a
/// majority shows that the holder is gone (docs/adr/0030-early-release.md). A state machine without I/O, clock or
/// threads.
///
/// A majority has acknowledged the acquisition. So a view of the lock that is not older has a `fence` that is not below
/// the token of the holder. An older view proves nothing.
///
/// | a release   | event                                            | next                                |
/// |-------------|--------------------------------------------------|-------------------------------------|
/// |             | add                                              | unconfirmed                         |
/// | unconfirmed | saw, looked: the holder is gone                  | over                                |
/// | unconfirmed | saw: the holder is there                         | over, and has to be released again  |
/// | unconfirmed | saw: an earlier holder is the first              | unconfirmed: it may be the second   |
/// | unconfirmed | add: the next one of that lock                   | over, and has to be released again  |
/// | unconfirmed | take, a second later, or after close             | unconfirmed, and looked at          |
/// | looked at   | looked: not gone, or not known                   | over, and has to be released again  |
/// | looked at   | unanswered                                       | unconfirmed, for another second     |
/// | looked at   | unanswered, after close                          | over, and has to be released again  |
/// | any         | take, when the lease would be over on the server | over                                |
class confirmations {
 public:
  static constexpr std::size_t most = 10'000;   // then a release has to wait for a majority
  static constexpr std::size_t together = 100;  // so many locks are read in one command
  static constexpr ms pause = 1000;

  struct item {
    protocol::request release;  // the whole transition
    std::int64_t token = 0;     // of the holder
    ms until = 0;               // from then on, the server does not count it as held
  };

  [[nodiscard]] bool is_full() const noexcept { return all_.size() >= most; }
  /// May return an earlier one.
  [[nodiscard]] std::optional<item> add(item i, ms now);
  /// The answer of a command that a majority has acknowledged.
  [[nodiscard]] std::optional<item> saw(const protocol::request& r, const protocol::reply& a);

  /// When the next look is due. `never` while there is one on its way.
  [[nodiscard]] ms next() const noexcept;
  /// The locks to read now.
  [[nodiscard]] std::vector<std::string> take(ms now);
  /// What a majority has of the locks that were taken.
  [[nodiscard]] std::vector<item> looked(const std::vector<protocol::snapshot>& seen);
  /// After close, all of them have to be released again.
  [[nodiscard]] std::vector<item> unanswered(ms now);

  /// From now on each look is due at once, and is the only one.
  void close() noexcept { closed_ = true; }
  [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }

 private:
  struct entry {
    item what;
    ms due = 0;
  };
  using table = std::map<std::string, entry>;
  item extract(table::iterator it);

  table all_;  // by lock
  std::set<std::pair<ms, std::string>> by_time_;
  std::vector<std::pair<std::string, std::string>> looking_;  // locks, and the ids of the holders
  bool closed_ = false;
};

}  // namespace dlock::engine
