#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "simulator/agenda.hpp"
#include "simulator/chance.hpp"
#include "simulator/coverage.hpp"
#include "simulator/inboxes.hpp"
#include "simulator/network.hpp"
#include "simulator/process.hpp"
#include "simulator/replica_set.hpp"
#include "simulator/rules.hpp"
#include "simulator/trace.hpp"

namespace dlock::simulator {

/// Everything that one run has: one clock, one source of randomness, a replica set, a network, and processes. Faults
/// happen only if somebody causes them.
struct world {
  explicit world(std::uint64_t seed, trace::mode how = trace::mode::off);
  world(const world&) = delete;
  world& operator=(const world&) = delete;
  ~world();

  std::shared_ptr<process> start_process(const std::string& name);
  /// What the client is doing that has sent this request.
  [[nodiscard]] state doing(const protocol::request& r) const;
  void run_for(protocol::ms time) { events.run_until(events.now() + time * ticks_per_ms); }

  agenda events;
  chance luck;
  trace notes;
  coverage seen;
  replica_set set;
  network net;
  inboxes notices;
  rules judge;
  std::vector<std::shared_ptr<process>> processes;  // including the dead ones
  tick slowest_thread = 1000;
  bool has_channel = true;        // else nobody can be told anything
  std::int64_t threads_fail = 0;  // for one of so many commands, no thread can be created. 0: for none
  /// A process sends a command about this lock, or gets no answer. The request: the first of the command; null: a
  /// lookup.
  std::function<void(process&, const std::string& lock, const protocol::request*, bool no_answer)> on_command =
      [](auto&, const auto&, const auto*, bool) {};
  std::int64_t clock_rates = 0;  // the clock of a new process gains or loses up to this many parts in a million
};

/// For the trace.
[[nodiscard]] std::string in_words(const protocol::request& r);
[[nodiscard]] std::string in_words(const protocol::request& r, const answer& a);

}  // namespace dlock::simulator
