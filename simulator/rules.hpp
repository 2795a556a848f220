#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "protocol/acquire.hpp"
#include "simulator/agenda.hpp"
#include "simulator/coverage.hpp"
#include "simulator/replica_set.hpp"

namespace dlock::simulator {

class hold;
class process;

/// A rule was broken. `what()` says which rule, on which lock, and by whom.
class broken : public std::runtime_error {
 public:
  broken(std::string rule, const std::string& text) : std::runtime_error(rule + ": " + text), rule_(std::move(rule)) {}
  [[nodiscard]] const std::string& rule() const noexcept { return rule_; }

 private:
  std::string rule_;
};

/// What must hold at every step, whatever happens. Each function throws `broken`.
///
///   overlap     no two holders believe that they hold what only one may hold, and never more than the permits
///   told        a holder that lost a lock was told before somebody else gets it, unless its process was stopped
///   tokens      no token is given twice; each is higher than all earlier tokens of the holders that it excludes
///   document    a transition gives higher tokens, no more than the permits, and no place to an acquisition that
///               was given up
///   order       nobody passes the head of the queue
///   turns       no call waits locally unless its client has a turn at the lock, or stands in its queue; and no call
///               passes an earlier one of its process that wants the same lock alone
///   passing on  a lease passes on inside a process only so often, and only if an answer has just said that it is ours;
///               at least half of it is left; and its tokens stay below the next one of the server
///   owner       the owner of each turn names the lease of that turn, and no other
///   lingering   a lease that nobody uses is given up so long after its grant
///   ghost       an acquisition that was given up, and was undone after a doubt, does not come back
///   permits     a late copy of an answered resize does not change the number of permits again
///   value       the last value that a leader published, with an acknowledgement, is the one that can be read
///   leader      an observer is never told of an older leader after a newer one; and when everything works again, it
///               is told who leads within a bound
///   deadline    a call is over at most 100 ms after its deadline
///   healing     when everything works again, every call ends, and then every lock can be acquired within the time
///               that the entries of the dead last
///   released    when everything works again, nobody holds what a living process with an open client has released, even
///               if an election has taken the release back
///   growth      when nothing goes on, nothing is kept: in processes and in documents
///
/// There are two exceptions: an edit by hand, and a server's clock that jumped by more than clock_skew. An overlap, a
/// token or a value that only one of them can cause is counted and does not throw: docs/reliability.md promises nothing
/// in these cases. But with observed expiry, the promises also hold for the clock.
class rules {
 public:
  rules(const agenda& events, coverage& seen) : events_(events), seen_(seen) {}

  void acquired(const std::shared_ptr<hold>& h);
  void extended(const std::shared_ptr<hold>& h);
  void ended(const std::shared_ptr<hold>& h);
  /// An answer said that this acquisition holds its lock. The request was sent at `sent` by the clock of its process.
  void confirmed(const std::string& id, protocol::ms sent) { confirmed_[id] = std::max(confirmed_[id], sent); }
  /// The undoing of a request was answered.
  void undone(const protocol::request& cancel, tick sent);
  /// A call said that it was released.
  void released(const std::shared_ptr<hold>& h);
  /// Nobody still holds what living processes have released.
  void nothing_kept(const std::string& lock, const version& v) const;
  /// A publication was answered.
  void published(const std::shared_ptr<hold>& h, std::int64_t number);
  /// A resize was answered.
  void resized(const std::string& id) { resized_.insert(id); }
  /// An observer is told of a leader with this token. `before`: the highest token that it was told of before.
  void leader_told(const std::string& who, const std::string& lock, std::int64_t token, std::int64_t before) const;
  /// When everything works again. `right`: the leader's token; 0: nobody leads.
  static void leader_known(const std::string& who, const std::string& lock, std::int64_t told, std::int64_t right);
  /// A call with a deadline has ended. `late`: by how many milliseconds after its deadline.
  void call_ended(const std::string& who, const std::string& doing, protocol::ms late) const;

  [[noreturn]] static void nobody_acts(const process& p, const std::string& lock);
  [[noreturn]] static void lingers_too_long(const process& p);
  [[noreturn]] static void names_another_hold(const hold& h);
  [[noreturn]] static void passed(const process& p, const std::string& lock);
  void changed(const replica_set::change& c);
  void committed(const std::string& lock, const version& v) const;

  /// From now on, until all leases from before are over, overlaps are counted and do not throw.
  void edited(const std::string& lock, tick longest_lease);
  void clock_jumped(tick until);
  [[nodiscard]] bool is_clock_odd() const { return events_.now() < clock_until_; }
  /// The document was deleted, and the last token with it.
  void deleted(const std::string& lock);

  /// The longest time until a new client gets the lock, when everything works and no living process has the lock. The
  /// new client polls every `look`. The dead keep the lock for the rest of their leases, and then one after the other
  /// for a first term.
  [[nodiscard]] static protocol::ms longest_wait(const version& v, protocol::ms now, protocol::ms skew,
                                                 protocol::ms look);
  /// A call has not ended although everything works, or a lock cannot be acquired.
  [[noreturn]] static void not_healed(const std::string& what);
  void nothing_left(const process& p) const;
  void nothing_left(const std::string& lock, const version& v, protocol::ms now) const;

 private:
  [[nodiscard]] std::int64_t room(const protocol::request& ask) const;
  void check_overlap(const hold& h) const;
  void check_told(const hold& h) const;
  void check_passing_on(const hold& h) const;
  static void check_document(const std::string& lock, const protocol::document& before,
                             const protocol::document& after);
  [[nodiscard]] bool excused(const hold& h) const;

  const agenda& events_;
  coverage& seen_;
  std::map<std::string, std::vector<std::shared_ptr<hold>>>
      live_;  // by lock; also the lost ones, until they are given back
  std::map<std::string, std::int64_t> highest_, highest_exclusive_;
  std::map<std::string, std::int64_t> most_permits_;  // by lock: of all capacities that it has had
  std::map<std::string, std::set<std::int64_t>> tokens_;
  std::map<std::string, protocol::ms> confirmed_;  // by acquisition
  std::set<std::string> resized_;                  // resizes that were answered
  std::set<version> resized_again_;                // what late copies of them made; no majority may have it
  std::map<std::string, tick> undone_;             // acquisition -> until when its tombstone stays
  struct publication {
    std::shared_ptr<hold> by;
    std::int64_t number = 0;  // the last number that was acknowledged
  };
  std::map<std::string, publication> values_;                                        // by acquisition
  struct given_up {
    std::int64_t token;
    std::weak_ptr<process> by;
    bool observed;
  };
  std::map<std::string, given_up> released_;  // by acquisition
  std::map<std::string, tick> edited_, deleted_;
  tick clock_until_ = std::numeric_limits<tick>::min() / 2;  // long ago
};

}  // namespace dlock::simulator
