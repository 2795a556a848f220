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

/// What becomes of one message on its way.
struct fate {
  bool lost = false;
  tick delay = 300;
  std::optional<tick> again = {};  // a copy comes so long after it
  bool refused = false;            // a request: the server will not do it
};

/// What a client is doing that asks for this.
[[nodiscard]] state state_of(protocol::operation op) noexcept;

/// Between clients and servers, the driver's part of it included: it finds the primary, and waits so long and no
/// longer.
class network {
 public:
  /// A message is on its way for less than this; see "A tombstone" in docs/protocol.md.
  static constexpr tick longest_delay = 20'000 * ticks_per_ms;

  network(agenda& events, chance& luck, replica_set& set, coverage& seen);

  /// `done` is called once: with an answer, or with none when the driver has waited for long enough.
  void ask(const protocol::request& r, std::function<void(const answer&)> done);

  /// Nothing of that client's gets through.
  void cut(const std::string& client) { cut_.insert(client); }
  void restore(const std::string& client) { cut_.erase(client); }
  void restore_all() { cut_.clear(); }

  /// Now and then the member is asked that was the primary before.
  bool asks_the_wrong_one = false;

  /// Decide what becomes of each request and each reply.
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
