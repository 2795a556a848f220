#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "protocol/acquire.hpp"
#include "simulator/coverage.hpp"
#include "store/store.hpp"

namespace dlock::simulator {

class hold;
class process;

/// One call to acquire: the acquire machine, and around it what src/client/acquiring.cpp does with threads.
class acquisition : public std::enable_shared_from_this<acquisition> {
 public:
  using result = protocol::acquire_machine::result;
  struct end {
    result what = result::no_answer;
    std::shared_ptr<hold> got;  // if it is acquired
  };

  acquisition(std::shared_ptr<process> in, protocol::acquire_plan plan, std::function<void(const end&)> told);

  void begin();
  /// Its caller does not want it any more.
  void stop();

  void granted(const protocol::grant& g, protocol::ms heard);
  /// Announcements may have been missed; or `foreign`: mongo-dlock has released the lock.
  void nudged(bool foreign);

  [[nodiscard]] const std::string& lock() const noexcept { return plan_.ask.lock; }
  [[nodiscard]] state doing() const noexcept { return doing_; }
  /// Somebody else was there.
  [[nodiscard]] bool was_contended() const noexcept { return contended_; }
  [[nodiscard]] bool is_over() const noexcept { return over_; }

 private:
  using machine = protocol::acquire_machine;

  void follow(machine::action todo);
  void send(protocol::request r);
  void answered(const answer& a);
  void finish(const machine::done& d);
  void undo();

  std::shared_ptr<process> in_;
  protocol::acquire_plan plan_;
  std::function<void(const end&)> told_;
  machine machine_;
  state doing_ = state::waiting;
  int round_ = 0;  // what belongs to an earlier one comes too late
  std::size_t undone_ = 0;
  std::string expected_;
  bool stopping_ = false;
  bool contended_ = false;
  bool over_ = false;
  bool in_flight_ = false;
  bool nudged_ = false;         // meanwhile
  bool foreign_nudge_ = false;  // by mongo-dlock
};

}  // namespace dlock::simulator
