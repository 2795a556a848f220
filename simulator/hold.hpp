#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/hold_machine.hpp"
#include "engine/release_machine.hpp"
#include "protocol/acquire.hpp"
#include "simulator/coverage.hpp"
#include "store/store.hpp"

namespace dlock::simulator {

class process;

/// A lease: the machines that hold and release it, and around them what src/client does with threads.
class hold : public std::enable_shared_from_this<hold> {
 public:
  enum class phase { held, lost, releasing, released, in_doubt };

  hold(std::shared_ptr<process> in, protocol::request ask, const protocol::acquire_machine::done& granted, bool renews,
       bool doubtful);

  void begin();
  /// Loses it if it is over, renews it if that is due.
  void look();
  /// `done`: whether it was released by this.
  void release(std::function<void(bool)> done);
  /// Another value, as election::proclaim.
  void publish(const std::string& value, std::function<void(bool)> done);
  /// Somebody says that it was revoked, be that so or not.
  void notice();
  /// Its machine's wall clock was set: perhaps it was stopped before.
  void clock_was_set();
  /// Its process was killed.
  void died() noexcept { phase_ = phase::released; }

  /// What lease::held() says: also while its process is stopped.
  [[nodiscard]] bool believes() const;
  [[nodiscard]] phase now() const noexcept { return phase_; }
  [[nodiscard]] protocol::ms valid_until() const noexcept { return machine_.valid_until(); }
  [[nodiscard]] const std::shared_ptr<process>& in() const noexcept { return in_; }
  [[nodiscard]] const protocol::request& ask() const noexcept { return ask_; }
  [[nodiscard]] std::int64_t token() const noexcept { return token_; }
  [[nodiscard]] state doing() const noexcept { return doing_; }

 private:
  static constexpr protocol::ms kNever = engine::hold_machine::never;

  void look_at(protocol::ms when);
  void renew(protocol::operation op);
  void renewed(const answer& a, protocol::ms sent);
  void lose(const char* why);
  using releasing_machine = engine::release_machine;
  struct release_call {
    releasing_machine machine;
    std::function<void(bool)> done;
    int round = 0;  // what belongs to an earlier one comes too late
  };
  using releasing = std::shared_ptr<release_call>;
  void follow(const releasing& r, releasing_machine::action todo);
  void give_back(protocol::request r);
  void end(phase how);
  void amend(protocol::request r, const std::function<void(bool)>& done);

  std::shared_ptr<process> in_;
  protocol::request ask_;
  const std::int64_t token_;
  const bool doubtful_;
  engine::hold_machine machine_;
  phase phase_ = phase::held;
  state doing_ = state::holding;
  std::int64_t amended_ = 0;
  protocol::ms looks_at_ = kNever;
};

}  // namespace dlock::simulator
