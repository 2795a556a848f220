#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "protocol/document.hpp"
#include "store/store.hpp"

namespace dlock::testing {

/// A replica set of three to which things happen. set_faults_test.cpp is built once with each of the two makers: a real
/// set, and the simulator's.
class set_harness {
 public:
  /// A request that was sent to a member.
  class sent {
   public:
    sent() = default;
    sent(const sent&) = delete;
    sent& operator=(const sent&) = delete;
    virtual ~sent() = default;
    /// Whether there is an answer now.
    [[nodiscard]] virtual bool is_answered() = 0;
    /// Waits for it.
    [[nodiscard]] virtual answer result() = 0;
  };
  static constexpr std::size_t members = 3;

  set_harness() = default;
  set_harness(const set_harness&) = delete;
  set_harness& operator=(const set_harness&) = delete;
  virtual ~set_harness() = default;

  /// Waits for one, if need be.
  [[nodiscard]] virtual std::size_t primary() = 0;
  /// To that member, whoever it is.
  [[nodiscard]] virtual std::unique_ptr<sent> send(std::size_t member, const protocol::request& r) = 0;
  /// Waits until that member has it as a holder, be it acknowledged or not; `holds` is false: until it has not.
  virtual void wait_until_there(std::size_t member, const std::string& lock, const std::string& id, bool holds) = 0;
  /// SIGSTOP and SIGCONT of its process.
  virtual void stop(std::size_t member) = 0;
  virtual void go_on(std::size_t member) = 0;
  /// What the primary writes does not come to it, though they hear of each other; false: it does again.
  virtual void stop_copying(std::size_t member, bool stopped) = 0;
  virtual void wait_for_another_primary(std::size_t than) = 0;
  /// Waits until this member is a secondary, which has what the primary has.
  virtual void wait_until_it_follows(std::size_t member) = 0;
  /// The next command of the primary is answered as if no majority had it in time.
  virtual void fail_next_write_concern() = 0;
};

[[nodiscard]] std::unique_ptr<set_harness> make_set();

}  // namespace dlock::testing
