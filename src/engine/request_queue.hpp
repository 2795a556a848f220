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

/// Requests that wait to be sent. Workers take them. Only then it is decided which requests go together in one command.
/// Requests for one lock that can go together (protocol/batch.hpp) collect while two commands for that lock are on
/// their way. A single request does not wait for others. A command that hangs delays the others only for a moment.
///
/// | a request                 | event                         | next                                                |
/// |---------------------------|-------------------------------|-----------------------------------------------------|
/// | that goes alone           | add                           | ready                                               |
/// | that can go with others   | add, fewer than two commands  | ready: a command is due                             |
/// | the same                  | add, two commands             | waiting                                             |
/// | ready                     | take                          | sent, with all that go together with it             |
/// | waiting                   | a command returns             | ready                                               |
/// | waiting                   | look: none returned in 100 ms | ready; the commands on their way do not count       |
/// | new                       | add_to a ready release        | ready, in the command of that release               |
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
  /// Adds an enqueue that goes in one command with `release`, which was added just now. False, and nothing is added: it
  /// cannot, or it would overtake an earlier enqueue.
  [[nodiscard]] bool add_to(number release, number n, const protocol::request& r);
  /// Whether they go in one command.
  [[nodiscard]] bool is_with(number release, number n) const;
  /// Nobody needs the request any more. False: it was already taken.
  bool withdraw(number n);
  /// The next command to send, if there is one.
  [[nodiscard]] std::optional<command> take(ms now);
  /// The command was answered, or failed.
  void returned(number ticket);

  /// When look() has to be called.
  [[nodiscard]] ms next() const noexcept;
  void look(ms now);
  /// How many commands are due (an upper bound).
  [[nodiscard]] std::size_t ready() const noexcept { return ready_.size(); }
  [[nodiscard]] std::size_t size() const noexcept {
    return locks_.size() + alone_.size() + sent_.size() + added_to_.size();
  }

 private:
  struct group {
    number era = 0;        // commands of an earlier era hang: they do not count any more
    int on_their_way = 0;  // commands of this era; includes those that are due
    ms last = 0;           // when the last of them was sent
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
  std::map<number, std::vector<item>> alone_;  // by the request that they were added to
  std::map<number, number> added_to_;          // for each request of alone_
  std::map<number, std::string> waits_;        // the lock of each request that can go with others
  std::deque<place> ready_;
  std::map<number, of> sent_;  // by ticket; only commands that used the turn of a lock
  std::set<std::pair<ms, std::string>> gives_up_;
  number tickets_ = 0, eras_ = 0;
};

}  // namespace dlock::engine
