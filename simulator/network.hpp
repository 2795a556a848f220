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

/// What happens to one message under way.
struct fate {
  bool lost = false;
  tick delay = 300;
  std::optional<tick> again = {};  // a copy arrives this long after the message
  bool refused = false;            // for a request: the server refuses it
};

/// What a client is doing when it sends this request.
[[nodiscard]] state state_of(protocol::operation op) noexcept;

/// The network between clients and servers, together with the driver's part of the work: it finds the primary, and it
/// gives up after a fixed time.
class network {
 public:
  /// Every message arrives in less than this time; see "A tombstone" in docs/protocol.md.
  static constexpr tick longest_delay = 20'000 * ticks_per_ms;

  network(agenda& events, chance& luck, replica_set& set, coverage& seen);

  /// `done` is called once: with an answer, or with no answer when the driver has waited long enough.
  void ask(const protocol::request& r, std::function<void(const answer&)> done);

  /// No message of this client gets through.
  void cut(const std::string& client) { cut_.insert(client); }
  void restore(const std::string& client) { cut_.erase(client); }
  void restore_all() { cut_.clear(); }

  /// If set, sometimes a request goes to the member that was the primary before.
  bool asks_the_wrong_one = false;

  /// Decide what happens to each request and to each reply.
  std::function<fate(const protocol::request&)> to_server, to_client;

 private:
  struct exchange;
  void find_primary(const std::shared_ptr<exchange>& x, tick until);
  void carry(const std::shared_ptr<exchange>& x, std::size_t to, bool is_copy);

  agenda& events_;
  chance& luck_;
  replica_set& set_;
  coverage& seen_;
  std::set<std::string> cut_;
};

}  // namespace dlock::simulator
