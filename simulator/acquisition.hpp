#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/events.hpp"
#include "protocol/acquire.hpp"
#include "simulator/coverage.hpp"

namespace dlock::simulator {

class hold;
class process;

/// One call to acquire, as its caller sees it.
class acquisition : public std::enable_shared_from_this<acquisition> {
 public:
  using result = engine::acquire_ended::result;
  struct end {
    result what = result::no_answer;
    std::shared_ptr<hold> got;  // set if the lock was acquired
    bool refused = false;       // by the server. Then `what` means nothing
  };

  acquisition(std::shared_ptr<process> in, protocol::acquire_plan plan, std::function<void(const end&)> told);

  void begin();
  /// The caller does not want the lock any more.
  void stop();

  // For the process of this call:
  void waits() noexcept { contended_ = true; }
  /// Whether its last request got no answer.
  void heard(bool nothing) noexcept { silent_ = nothing; }
  void ended(const engine::acquire_ended& e, const std::shared_ptr<hold>& got);

  /// What it is doing while no request of it is on its way. None: one is.
  [[nodiscard]] std::optional<state> idle() const;
  [[nodiscard]] const std::string& lock() const noexcept { return plan_.ask.lock; }
  /// It wants the lock alone, and waits its turn among the calls of its process.
  [[nodiscard]] bool takes_turns() const noexcept { return plan_.queue && plan_.ask.what.exclusive && !stopped_; }
  /// Whether somebody else had the lock or waited for it.
  [[nodiscard]] bool was_contended() const noexcept { return contended_; }
  [[nodiscard]] bool is_over() const noexcept { return over_; }

 private:
  std::shared_ptr<process> in_;
  protocol::acquire_plan plan_;
  std::function<void(const end&)> told_;
  engine::call_id call_ = 0;
  bool contended_ = false;
  bool over_ = false;
  bool silent_ = false, stopped_ = false;
};

}  // namespace dlock::simulator
