#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "protocol/acquire.hpp"
#include "simulator/agenda.hpp"
#include "simulator/coverage.hpp"
#include "simulator/replica_set.hpp"

namespace dlock::simulator {

class hold;
class process;

/// A rule was broken: `what()` says which, on which lock, by whom.
class broken : public std::runtime_error {
 public:
  broken(std::string rule, const std::string& text) : std::runtime_error(rule + ": " + text), rule_(std::move(rule)) {}
  [[nodiscard]] const std::string& rule() const noexcept { return rule_; }

 private:
  std::string rule_;
};

/// What must hold at every step, whatever happens; each throws `broken`.
///
///   overlap     no two believe that they hold what only one may hold, and never more than the permits
///   told        who lost a lock was told before somebody else got it, unless its process was stopped
///   tokens      none is given twice; each is higher than all that were given before to whom it excludes
///   document    a transition gives higher tokens, no more than the permits, and nobody who was given up a place
///   order       nobody passes the head of the queue
///   ghost       what was given up, and was undone after a doubt, does not come back
///   value       what a leader published last, and was told so, is what can be read
///   deadline    a call is over 100 ms after its deadline at the latest
///   healing     when everything works again, every call ends, and then every lock can be acquired within the time
///               that the entries of the dead last
///   growth      when nothing goes on, nothing is kept: in processes and in documents
///
/// An overlap, a token, or a value, that only an edit by hand can cause, or a server's clock that jumped by more than
/// clock_skew, is counted instead: docs/reliability.md promises nothing then, except for the clock with observed
/// expiry.
class rules {
 public:
  rules(const agenda& events, coverage& seen) : events_(events), seen_(seen) {}

  void acquired(const std::shared_ptr<hold>& h);
  void extended(const std::shared_ptr<hold>& h);
  void ended(const std::shared_ptr<hold>& h);
  /// Its undoing was answered.
  void undone(const protocol::request& cancel, tick sent);
  /// A publication was answered.
  void published(const std::shared_ptr<hold>& h, std::int64_t number);
  /// A call with a deadline came to its end; `late`: by how many milliseconds.
  void call_ended(const std::string& who, const std::string& doing, protocol::ms late) const;

  void changed(const replica_set::change& c) const;
  void committed(const std::string& lock, const version& v) const;

  /// From here on, and until all leases of before are over, overlaps are counted.
  void edited(const std::string& lock, tick longest_lease);
  void clock_jumped(tick until);
  [[nodiscard]] bool is_clock_odd() const { return events_.now() < clock_until_; }
  /// The document went, and with it the last token.
  void deleted(const std::string& lock);

  /// When everything works and nobody alive has the lock: so long at most until somebody new gets it, who looks every
  /// `look`. Those who are dead have it for the rest of their leases, and then one after the other for a first term.
  [[nodiscard]] static protocol::ms longest_wait(const version& v, protocol::ms now, protocol::ms skew,
                                                 protocol::ms look);
  /// A call that has not ended although everything works, or a lock that cannot be acquired.
  [[noreturn]] static void not_healed(const std::string& what);
  void nothing_left(const process& p) const;
  void nothing_left(const std::string& lock, const version& v, protocol::ms now) const;

 private:
  void check_overlap(const hold& h) const;
  void check_told(const hold& h) const;
  static void check_document(const std::string& lock, const protocol::document& before,
                             const protocol::document& after);
  [[nodiscard]] bool excused(const hold& h) const;

  const agenda& events_;
  coverage& seen_;
  std::map<std::string, std::vector<std::shared_ptr<hold>>>
      live_;  // by lock; also the lost ones, until they are given back
  std::map<std::string, std::int64_t> highest_, highest_exclusive_;
  std::map<std::string, std::set<std::int64_t>> tokens_;
  std::map<std::string, tick> undone_;  // acquisition -> until when its tombstone stands
  struct publication {
    std::shared_ptr<hold> by;
    std::int64_t number = 0;  // the last one that was acknowledged
  };
  std::map<std::string, publication> values_;  // by acquisition
  std::map<std::string, tick> edited_, deleted_;
  tick clock_until_ = std::numeric_limits<tick>::min() / 2;  // long ago
};

}  // namespace dlock::simulator
