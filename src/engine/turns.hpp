#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dlock::engine {

/// The turns of one client at its locks. At most one of its acquisitions stands in the queue of a lock for an exclusive
/// claim, or one of its calls holds the lock exclusively: that one acts. Calls that come later wait locally, first come
/// first served. A state machine without I/O, clock or threads. It has an entry for a lock only while somebody acts or
/// waits.
///
/// | a call                    | event                              | next                                        |
/// |---------------------------|------------------------------------|---------------------------------------------|
/// | new, nobody waits locally | exclusive, and somebody acts       | waits locally                               |
/// | new, nobody waits locally | who acts has no place yet          | waits locally                               |
/// | new, somebody waits       |                                    | waits locally                               |
/// | new                       | else                               | asks the server; acts, if it is exclusive   |
/// | waits locally, the first  | nobody acts                        | next() returns it; it acts, if exclusive    |
/// | waits locally, the first  | it is shared, who acts has a place | next() returns it                           |
/// | waits locally             | leaves                             | it does not wait any more                   |
/// | acts                      | answered: it has a place           | readers may ask: they stand behind it       |
/// | acts                      | answered: it has none (any more)   | new readers wait locally                    |
/// | acts                      | end_turn: it is over               | it does not act any more                    |
///
/// The owner calls next() after each end_turn(), answered() and leaves(), until there is no result. So nobody waits
/// locally unless somebody acts, or an earlier call waits.
class turns {
 public:
  using number = std::uint64_t;  // of a call or a hold; later calls have higher numbers

  /// Whether a new call has to wait locally.
  [[nodiscard]] bool blocks(const std::string& lock, bool exclusive) const;
  void waits(const std::string& lock, number call, bool exclusive);
  /// It waits no longer, for whatever reason.
  void leaves(const std::string& lock, number call);
  /// An exclusive acquisition or hold acts for this client. An acquisition has no place at first: a request of a reader
  /// could overtake it.
  void acts(const std::string& lock, number who, bool has_place);
  /// The newest answer says whether the one that acts stands in the queue. It loses its place if its entry is removed.
  void answered(const std::string& lock, number who, bool has_place);
  void end_turn(const std::string& lock, number who);
  /// At `now`, this client held the lock. So a call that waits locally knows this much, although the one that acts next
  /// has no answer yet.
  void held(const std::string& lock, std::int64_t now);
  /// Whether it did a moment ago.
  [[nodiscard]] bool was_held(const std::string& lock, std::int64_t now) const;

  /// The call whose turn it is to ask the server. It does not wait locally any more; if it is exclusive, it acts.
  [[nodiscard]] std::optional<number> next(const std::string& lock);

  /// The first call that waits locally, if it is exclusive.
  [[nodiscard]] std::optional<number> first(const std::string& lock) const;
  /// All that wait locally, in order.
  [[nodiscard]] std::vector<number> waiting(const std::string& lock) const;
  [[nodiscard]] std::size_t length(const std::string& lock) const;
  /// Whether it is time to tell them their places: at most once a second, so that a thousand do not wake at each turn.
  [[nodiscard]] bool should_report_places(const std::string& lock, std::int64_t now);
  /// Who acts, and whether it has a place in the queue, or the lock.
  [[nodiscard]] std::map<number, bool> acting(const std::string& lock) const;
  [[nodiscard]] std::size_t size() const noexcept { return locks_.size(); }

 private:
  struct state {
    std::map<number, bool> acting;   // whether it has a place
    std::map<number, bool> waiting;  // whether it is exclusive
    std::optional<std::int64_t> told, held;

    [[nodiscard]] bool all_have_places() const;
  };
  using table = std::map<std::string, state>;
  void tidy(table::iterator it);

  table locks_;
};

}  // namespace dlock::engine
