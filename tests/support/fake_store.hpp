#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "simulator/collection.hpp"
#include "store/store.hpp"

namespace dlock::testing {

/// A store in memory, on the reference model: what mongo_store does, without a server. Its clock stands still until a
/// test moves it (or is the test's own), and faults come when the test says so. Thread-safe.
class fake_store final : public store {
 public:
  static constexpr protocol::ms start_of_time = 1'000'000'000'000;

  /// Time stands still until advance().
  fake_store() = default;
  /// Time is what `clock` says; advance() adds to it.
  explicit fake_store(std::function<protocol::ms()> clock) : clock_(std::move(clock)) {}

  [[nodiscard]] answer apply(const protocol::request& r, lane which = lane::normal) override;
  /// One by one.
  [[nodiscard]] std::vector<answer> apply_all(const protocol::batch& requests, lane which) override;
  /// Hit by an outage: faults for all requests.
  [[nodiscard]] lookup_answer read(const protocol::lookup& l) override;

  // --- time ---------------------------------------------------------------------------------------------------------
  [[nodiscard]] protocol::ms now() const;
  /// Negative: the server's clock steps back, or a command carries a stale one.
  void advance(protocol::ms by);

  // --- faults -------------------------------------------------------------------------------------------------------
  using filter = std::function<bool(const protocol::request&, lane)>;
  struct fault {
    enum class kind {
      lost_request,  // no answer, nothing was applied, in doubt
      lost_answer,   // no answer although it was applied, in doubt
      unreachable,   // no answer, and surely nothing was sent
      refused,
    };
    kind what = kind::lost_request;
    int times = 1;             // how many requests it hits; always: until heal()
    filter on = {};            // which ones; empty: all
    errc code = errc::server;  // for `refused`
    std::string why = "a fault of the fake store";
    static constexpr int always = -1;
  };
  /// Faults queue up: the first one that fits a request hits it.
  void inject(fault f);
  void heal();

  /// Requests that fit wait at a gate, before anything is applied, until unblock(). Empty: all.
  void block(filter on = {});
  void unblock();
  /// Waits until `n` requests stand at the gate. False if they do not come within `limit`.
  [[nodiscard]] bool wait_for_blocked(std::size_t n, std::chrono::milliseconds limit = std::chrono::seconds(30)) const;

  // --- what is stored -----------------------------------------------------------------------------------------------
  [[nodiscard]] std::optional<protocol::document> get(const std::string& lock) const;
  void put(const std::string& lock, std::optional<protocol::document> d);
  /// A document that is no lock stands under this id.
  void put_something_else(const std::string& lock);

  // --- what was asked -----------------------------------------------------------------------------------------------
  struct call {
    protocol::request request;
    lane which;
  };
  [[nodiscard]] std::vector<call> calls() const;
  [[nodiscard]] std::size_t count(protocol::operation op) const;
  void forget_calls();

 private:
  [[nodiscard]] std::optional<fault> next_fault(const protocol::request& r, lane which);
  [[nodiscard]] protocol::reply carry_out(const protocol::request& r);
  [[nodiscard]] protocol::ms now_locked() const { return (clock_ ? clock_() : start_of_time) + offset_; }

  const std::function<protocol::ms()> clock_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  protocol::ms offset_ = 0;
  simulator::collection documents_;
  std::list<fault> faults_;
  std::optional<filter> gate_;  // shut for what fits, if there is one
  std::size_t generation_ = 0;  // of gates
  std::size_t blocked_ = 0;
  std::vector<call> calls_;
};

}  // namespace dlock::testing
