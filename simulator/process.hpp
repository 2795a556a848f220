#pragma once

#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/retry_queue.hpp"
#include "protocol/acquire.hpp"
#include "protocol/document.hpp"
#include "protocol/event.hpp"
#include "protocol/observation.hpp"
#include "simulator/agenda.hpp"
#include "simulator/coverage.hpp"
#include "store/store.hpp"

namespace dlock::simulator {

struct world;
class acquisition;
class hold;

/// A client's process: a clock, what it knows of locks, and what src/client has around the state machines: undoing, and
/// telling heirs. It can be stopped and killed at any point.
class process : public std::enable_shared_from_this<process> {
 public:
  /// Its clock is ahead of the world's, and gains so many parts in a million.
  process(world& where, std::string name, tick clock_ahead, std::int64_t clock_gains);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] world& where() const noexcept { return where_; }
  [[nodiscard]] protocol::ms now() const;
  [[nodiscard]] bool is_alive() const noexcept { return alive_; }
  [[nodiscard]] bool is_frozen() const noexcept { return frozen_; }
  /// So often it was stopped; who compares two of them knows whether it was in between.
  [[nodiscard]] int stops() const noexcept { return stops_; }

  void freeze();
  void thaw();
  void kill();
  /// Nothing of it goes on. What it owns may own it.
  void clear();

  /// Runs `what` in this process: now, when it goes on, or never if it is dead.
  void deliver(std::function<void()> what);
  /// At that local time.
  void at(protocol::ms when, std::function<void()> what);
  /// On another thread, which has to be woken.
  void soon(std::function<void()> what);

  /// Sends a request as this client; tells the heirs that an answer names, before `done`.
  void send(protocol::request r, std::function<void(const answer&)> done);
  /// Repeats it until there is an answer, or until then.
  using told_of_errand = std::function<void(const answer&, tick sent)>;
  void errand(protocol::request r, protocol::ms until, told_of_errand told);
  /// Its client is closed: what is repeated is sent once more.
  void close();
  /// Takes an acquisition back that was given up.
  void undo(const protocol::request& ask, const protocol::abandoned& what);
  [[nodiscard]] std::string fresh_id();

  // --- announcements ------------------------------------------------------------------------------------------------
  void expect(const std::string& id, const std::shared_ptr<acquisition>& who) { expected_[id] = who; }
  void forget(const std::string& id) { expected_.erase(id); }
  void follow();
  [[nodiscard]] bool is_told() const;
  void heard(const protocol::grant& g);
  void nudge_all();
  /// Somebody says that this acquisition was revoked.
  void revoked(const std::string& id);
  /// mongo-dlock has released that lock.
  void nudge_foreign(const std::string& lock);
  /// What the acquisition of that id is doing.
  [[nodiscard]] std::optional<state> doing(const std::string& id) const;

  // --- what lives in it ---------------------------------------------------------------------------------------------
  std::vector<std::shared_ptr<hold>> holds;  // until they are over
  std::map<std::string, protocol::observation> seen;
  int calls = 0;  // of its users, that have not ended
  /// Everything that is kept for something that goes on: zero when nothing does.
  [[nodiscard]] std::size_t kept() const { return expected_.size() + holds.size() + errands_.size() + later_.size(); }

 private:
  void pump();
  void attempt(engine::retry_queue::number n);
  void server_answers();
  void announce(const protocol::request& r, const protocol::reply& a);
  [[nodiscard]] tick local(tick world) const;
  [[nodiscard]] tick world_at(tick local) const;
  void count_all(fault f) const;

  world& where_;
  const std::string name_;
  const tick ahead_;
  const std::int64_t gains_;
  bool alive_ = true;
  bool frozen_ = false;
  int stops_ = 0;
  int ids_ = 0;
  std::vector<std::function<void()>> later_;  // while it is stopped
  std::map<std::string, std::shared_ptr<acquisition>> expected_;
  engine::retry_queue retries_{50};
  std::map<engine::retry_queue::number, told_of_errand> errands_;
  protocol::ms answered_ = std::numeric_limits<protocol::ms>::min();  // when the server last answered anything
  int pumped_ = 0;
  std::map<std::string, std::int64_t> floors_;
  std::map<std::string, protocol::ms> told_;
};

}  // namespace dlock::simulator
