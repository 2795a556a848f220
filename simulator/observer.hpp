#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/events.hpp"
#include "simulator/process.hpp"

namespace dlock::simulator {

/// Who observes an election, as its user sees it.
class observer : public std::enable_shared_from_this<observer> {
 public:
  /// Its client reads the election every `period` at least.
  [[nodiscard]] static std::shared_ptr<observer> begin(const std::shared_ptr<process>& in, const std::string& lock,
                                                       protocol::ms period);

  [[nodiscard]] const process& in() const noexcept { return *in_; }
  [[nodiscard]] const std::string& lock() const noexcept { return lock_; }
  /// The token of the leader that it was told of last; 0: nobody leads.
  [[nodiscard]] std::int64_t leader() const noexcept { return leader_; }
  [[nodiscard]] int calls() const noexcept { return calls_; }
  void end();

 private:
  observer(std::shared_ptr<process> in, std::string lock) : in_(std::move(in)), lock_(std::move(lock)) {}
  void told(const std::optional<protocol::holder>& who);

  const std::shared_ptr<process> in_;
  const std::string lock_;
  engine::call_id call_ = 0;
  std::int64_t leader_ = 0;
  std::int64_t highest_ = 0;  // of all tokens that it was told
  int calls_ = 0;
};

}  // namespace dlock::simulator
