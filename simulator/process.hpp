#pragma once

#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/client.hpp"
#include "protocol/document.hpp"
#include "protocol/event.hpp"
#include "simulator/agenda.hpp"
#include "simulator/coverage.hpp"
#include "simulator/replica_set.hpp"
#include "store/store.hpp"

namespace dlock::simulator {

struct world;
class acquisition;
class hold;

/// The process of a client. It has the real engine of the client, a clock, and around them what src/runtime does with
/// threads. It can be stopped and killed at any point.
class process : public std::enable_shared_from_this<process> {
 public:
  /// The clock is ahead of the world's clock by `clock_ahead`, and gains `clock_gains` parts in a million.
  process(world& where, std::string name, tick clock_ahead, std::int64_t clock_gains);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] world& where() const noexcept { return where_; }
  [[nodiscard]] protocol::ms now() const;
  [[nodiscard]] bool is_alive() const noexcept { return alive_; }
  [[nodiscard]] bool is_frozen() const noexcept { return frozen_; }
  [[nodiscard]] bool is_closed() const noexcept { return closed_; }
  /// How many times the process was stopped. Compare two values to learn whether it was stopped in between.
  [[nodiscard]] int stops() const noexcept { return stops_; }

  void freeze();
  void thaw();
  void kill();
  /// Somebody sets the clock of the computer.
  void set_clock();
  /// Ends everything in this process, and destroys what it owns, because that may own the process.
  void clear();

  /// Runs `what` in this process: now, or when the process is continued, or never if it is dead.
  void deliver(std::function<void()> what);
  /// Runs it at that local time.
  void at(protocol::ms when, std::function<void()> what);
  /// Runs it on another thread, which must be woken first.
  void soon(std::function<void()> what);

  /// Runs one step of the engine, and what follows from it.
  void step(const std::function<void(engine::client&, protocol::ms now)>& what);
  [[nodiscard]] const engine::client& client() const noexcept { return *engine_; }
  /// Call it in a step. `who` is told when that call ends.
  void expect(engine::call_id c, std::shared_ptr<acquisition> who) { calls_[c] = std::move(who); }
  using told_of_release = std::function<void(const engine::release_ended&)>;
  using told_of_asking = std::function<void(const engine::ask_ended&)>;
  void expect(engine::call_id c, told_of_release who) { releases_[c] = std::move(who); }
  /// `lock`: what it is about.
  void expect(engine::call_id c, std::string lock, told_of_asking who) {
    askings_[c] = {std::move(lock), std::move(who)};
  }
  using told_of_leader = std::function<void(const std::optional<protocol::holder>&)>;
  void expect(engine::call_id c, told_of_leader who) { observers_[c] = std::move(who); }

  /// Closes the client.
  void close();
  /// The rest of its end: what others have to be told is sent now or never.
  void finish();
  [[nodiscard]] std::string fresh_id();

  // --- notices ------------------------------------------------------------------------------------------------------
  [[nodiscard]] bool is_told() const;
  void heard(const protocol::grant& g);
  /// The inbox is open now. Grant notices may have been missed.
  void inbox_opened();
  /// It hears no events for everybody, until it has tried again.
  void lose_events();
  /// A notice that this acquisition was revoked.
  void revoked(const std::string& lock, const std::string& id);
  /// mongo-dlock has released that lock.
  void nudge_foreign(const std::string& lock);
  // --- what it is doing ---------------------------------------------------------------------------------------------
  /// What the acquisition with this id is doing. No result: nothing.
  [[nodiscard]] std::optional<state> doing(const std::string& id) const;
  /// What the owner of this request is doing.
  [[nodiscard]] state doing(const protocol::request& r) const;
  /// A fault hits everything that it does with this lock. Empty: with any lock.
  void hit(fault f, const std::string& lock = {}) const;

  // --- what lives in it ---------------------------------------------------------------------------------------------
  std::vector<std::shared_ptr<hold>> holds;  // until they are over
  int calls = 0;                             // calls of its users that have not ended
  /// The number of all things that the process keeps for something that goes on. Zero when nothing goes on.
  [[nodiscard]] std::size_t kept() const;

 private:
  void follow_up();
  void check_turns(protocol::ms at) const;
  void check_owner(const hold& h, engine::hold_id number) const;
  void happened(const engine::acquire_ended& e);
  void happened(const engine::waiting& e);
  void happened(const engine::release_ended& e);
  void happened(const engine::ask_ended& e);
  void happened(const engine::hold_changed& e);
  void happened(const engine::renewal_ended&) {}
  void happened(const engine::leader_changed& e);
  void happened(const engine::subscriber_event&) {}
  void happened(const engine::notifications_changed&) {}
  void happened(const engine::trouble&) {}
  void wake_workers();
  void send(bool renewal);
  void carry(const engine::client::outgoing& out);
  void look(const engine::client::outgoing& out);
  void no_thread(bool renewal);
  void hears(const protocol::request& r, const answer& a, tick sent, bool in_doubt);
  void settled(const protocol::request& r);
  void tell();
  void publish();
  void spread(const engine::outbox::batch& all);
  void arm();
  [[nodiscard]] std::shared_ptr<hold> find(engine::hold_id h) const;
  [[nodiscard]] const hold* find(const std::string& id) const;
  [[nodiscard]] tick local(tick world) const;
  [[nodiscard]] tick world_at(tick local) const;
  [[nodiscard]] bool is_on_its_way(const std::string& id) const;

  world& where_;
  const std::string name_;
  const tick ahead_;
  const std::int64_t gains_;
  bool alive_ = true;
  bool frozen_ = false;
  bool closed_ = false;
  int stops_ = 0;
  int ids_ = 0;
  std::vector<std::function<void()>> later_;  // what to do after a stop
  std::unique_ptr<engine::client> engine_;
  std::map<engine::call_id, std::shared_ptr<acquisition>> calls_;
  std::map<engine::call_id, told_of_release> releases_;
  struct asking {
    std::string lock;
    told_of_asking told;
  };
  std::map<engine::call_id, asking> askings_;
  std::map<engine::call_id, told_of_leader> observers_;
  std::map<std::uint64_t, replica_set::batch> on_their_way_;  // by ticket
  std::map<std::uint64_t, std::string> reading_;              // locks, by ticket
  std::map<std::string, int> unsettled_;    // by acquisition: how many of its requests may still put it into a queue
  std::size_t senders_ = 0, renewers_ = 0;  // woken, and not running yet
  bool publishing_ = false;
  bool follows_ = false, hears_events_ = false, events_broke_ = false;
  protocol::ms armed_ = engine::never;
  int alarms_ = 0;
};

}  // namespace dlock::simulator
