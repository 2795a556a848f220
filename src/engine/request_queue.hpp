#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "protocol/batch.hpp"

namespace dlock::engine {

using protocol::ms;

/// Requests that wait to be sent. Workers take them; which of them go together in one command is decided then.
/// Requests for one lock that can go together (protocol/batch.hpp) do so while two commands for that lock are on their
/// way. Whoever is alone waits for nobody. A command that hangs holds up the others for a moment only.
///
/// | a request                 | event                         | next                                                |
/// |---------------------------|-------------------------------|-----------------------------------------------------|
/// | that goes alone           | add                           | ready                                               |
/// | that can go with others   | add, fewer than two commands  | ready: a command is due                             |
/// | the same                  | add, two commands             | waiting                                             |
/// | ready                     | take                          | sent, with all that go together with it             |
/// | waiting                   | a command returns             | ready                                               |
/// | waiting                   | look: none returned in 100 ms | ready; those that are on their way count no more    |
/// | ready, waiting            | withdraw                      | gone: it was never sent                             |
class request_queue {
 public:
  using number = std::uint64_t;
  struct item {
    number n;
    protocol::request r;
  };
  struct command {
    number ticket;
    std::vector<item> all;  // one, or several that go together
  };

  void add(number n, protocol::request r, ms now);
  /// Nobody wants it any more. False: it was taken before.
  bool withdraw(number n);
  /// What is to be sent now, if anything is.
  [[nodiscard]] std::optional<command> take(ms now);
  /// The command was answered, or failed.
  void returned(number ticket);

  /// When look() is to be called.
  [[nodiscard]] ms next() const noexcept;
  void look(ms now);
  /// So many commands are due, at most.
  [[nodiscard]] std::size_t ready() const noexcept { return ready_.size(); }
  [[nodiscard]] std::size_t size() const noexcept { return locks_.size() + alone_.size() + sent_.size(); }

 private:
  struct group {
    number era = 0;        // commands of an earlier one hang: they count no more
    int on_their_way = 0;  // commands of this era, those that are due included
    ms last = 0;           // when one of them set out
    std::optional<ms> gives_up;
    std::deque<item> waiting;
  };
  struct place {  // what take() finds: a request that goes alone, or the turn of a lock
    std::optional<number> alone;
    std::string lock;
    number era = 0;
  };
  struct of {
    std::string lock;
    number era = 0;
  };
  using groups = std::map<std::string, group>;
  void fill(groups::iterator it);
  void over(groups::iterator it);
  [[nodiscard]] static std::vector<item> together(group& g);

  groups locks_;
  std::map<number, protocol::request> alone_;
  std::map<number, std::string> waits_;  // those that may go together: for which lock
  std::deque<place> ready_;
  std::map<number, of> sent_;  // by ticket; only those with a lock's turn
  std::set<std::pair<ms, std::string>> gives_up_;
  number tickets_ = 0, eras_ = 0;
};

}  // namespace dlock::engine
