#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <string>

#include "protocol/acquire.hpp"
#include "protocol/lease_schedule.hpp"
#include "simulator/coverage.hpp"
#include "store/store.hpp"

namespace dlock::simulator {

class process;

/// A lease: the lease schedule, and around it what src/client/lease_keeper.cpp and release.cpp do with threads.
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
  /// Its process was killed.
  void died() noexcept { phase_ = phase::released; }

  /// What lease::held() says: also while its process is stopped.
  [[nodiscard]] bool believes() const;
  [[nodiscard]] phase now() const noexcept { return phase_; }
  [[nodiscard]] protocol::ms valid_until() const noexcept { return schedule_.valid_until(); }
  [[nodiscard]] const std::shared_ptr<process>& in() const noexcept { return in_; }
  [[nodiscard]] const protocol::request& ask() const noexcept { return ask_; }
  [[nodiscard]] std::int64_t token() const noexcept { return token_; }
  [[nodiscard]] state doing() const noexcept { return doing_; }

 private:
  static constexpr protocol::ms kNever = std::numeric_limits<protocol::ms>::max();

  void look_at(protocol::ms when);
  void renew();
  void renewed(const answer& a, protocol::ms sent);
  void lose(const char* why);
  void ask_to_release(protocol::request r, protocol::ms until, protocol::ms pause, bool in_doubt,
                      const std::function<void(bool)>& done);
  void give_back(protocol::request r);
  void end(phase how);
  void amend(protocol::request r, const std::function<void(bool)>& done);

  std::shared_ptr<process> in_;
  protocol::request ask_;
  const std::int64_t token_;
  const bool doubtful_;
  protocol::lease_schedule schedule_;
  phase phase_ = phase::held;
  state doing_ = state::holding;
  bool renewing_ = false;
  std::int64_t amended_ = 0;
  protocol::ms looks_at_ = kNever;
};

}  // namespace dlock::simulator
