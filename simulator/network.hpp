#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>

#include "protocol/document.hpp"
#include "simulator/agenda.hpp"
#include "simulator/coverage.hpp"
#include "simulator/replica_set.hpp"
#include "store/store.hpp"

namespace dlock::simulator {

/// A message that takes longer counts as late.
inline constexpr tick late_from = 50 * ticks_per_ms;

/// What happens to one message under way.
struct fate {
  bool lost = false;
  tick delay = 300;
  std::optional<tick> again = {};  // a copy arrives this long after the message
  /// For a request: what the client is told in place of an answer.
  enum class told { the_answer, refused, server_error, interrupted, not_executed };
  told says = told::the_answer;
  bool executed = false;  // ... although the server executes it: with server_error and interrupted
};

/// The network between clients and servers, together with the driver's part of the work: it finds the primary, and it
/// gives up after a fixed time.
class network {
 public:
  /// Every message arrives in less than this time; see "A tombstone" in docs/protocol.md.
  static constexpr tick longest_delay = 20'000 * ticks_per_ms;

  network(agenda& events, chance& luck, replica_set& set, coverage& seen);

  using told = std::function<void(const std::vector<answer>&)>;
  /// Sends one command. `done` is called once: with an answer for each request, or with no answers when the driver has
  /// waited long enough.
  void ask(replica_set::batch all, told done);
  void read(const std::string& client, const protocol::lookup& l, std::function<void(const lookup_answer&)> done);

  /// No message of this client gets through.
  void cut(const std::string& client) { cut_.insert(client); }
  void restore(const std::string& client) { cut_.erase(client); }
  void restore_all() { cut_.clear(); }

  /// If set, sometimes a request goes to the member that was the primary before.
  bool asks_the_wrong_one = false;

  /// Decide what happens to each command and to its reply. They get the first of its requests.
  std::function<fate(const protocol::request&)> to_server, to_client;
  /// What the client is doing that has sent this request.
  std::function<state(const protocol::request&)> doing;

 private:
  struct exchange;
  void find_primary(const std::shared_ptr<exchange>& x, tick until);
  void carry(const std::shared_ptr<exchange>& x, std::size_t to, bool is_copy);
  void arrive(const std::shared_ptr<exchange>& x, std::size_t at, const fate& f);
  void answer_with(const std::shared_ptr<exchange>& x, const std::vector<answer>& all);
  void hit(fault f, const exchange& x);

  agenda& events_;
  chance& luck_;
  replica_set& set_;
  coverage& seen_;
  std::set<std::string> cut_;
};

}  // namespace dlock::simulator
