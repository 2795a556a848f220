#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "client/client_core.hpp"
#include "util/boot_wait.hpp"

/// What a caller's thread waits on: the only thing of a client that its own threads and the caller's share.
namespace dlock::detail {

using protocol::ms;

/// One caller waiting for one answer after the other, and for what the bus tells; outlives the caller if an answer
/// comes late.
struct client_core::call final : bus::waiter {
  explicit call(std::shared_ptr<environment> e) : env(std::move(e)) {}

  const std::shared_ptr<environment> env;
  std::mutex guard;
  std::condition_variable changed;
  std::optional<answer> result;
  int round = 0;  // an answer to an earlier request is of no interest
  bool stopped = false;
  struct announced {
    protocol::grant what;
    ms heard;
  };
  std::optional<announced> grant;  // the last one
  bool nudge = false, foreign_nudge = false;

  void granted(const protocol::grant& g, ms heard) override {
    const std::lock_guard lock(guard);
    grant = announced{g, heard};
    changed.notify_all();
  }
  void nudged(bool foreign) override {
    const std::lock_guard lock(guard);
    (foreign ? foreign_nudge : nudge) = true;
    changed.notify_all();
  }
  void answered(answer a) {
    const std::lock_guard lock(guard);
    result = std::move(a);
    changed.notify_all();
  }
  void stop() {
    const std::lock_guard lock(guard);
    stopped = true;
    changed.notify_all();
  }
  /// Nobody waits for the request any more: if no thread has taken it yet, it is not sent.
  void abandon() {
    const std::lock_guard lock(guard);
    ++round;
    result.reset();
  }
  [[nodiscard]] bool is_current(int r) {
    const std::lock_guard lock(guard);
    return round == r;
  }

  enum class woken { by_answer, by_grant, by_nudge, by_stop, by_time };
  /// Until one of these comes; nudges only if `nudges`.
  woken wait(std::optional<ms> until, bool nudges = false) {
    std::unique_lock lock(guard);
    const auto ready = [&] { return result || stopped || grant || (nudges && (nudge || foreign_nudge)); };
    wait_until(*env, changed, lock, until, ready);
    if (grant) return woken::by_grant;
    if (result) return woken::by_answer;
    if (stopped) return woken::by_stop;
    return nudges && (nudge || foreign_nudge) ? woken::by_nudge : woken::by_time;
  }
  [[nodiscard]] answer take_answer() {
    const std::lock_guard lock(guard);
    answer a = std::move(*result);
    result.reset();
    return a;
  }
  [[nodiscard]] announced take_grant() {
    const std::lock_guard lock(guard);
    announced a = std::move(*grant);
    grant.reset();
    return a;
  }
  /// Whether the nudge came from mongo-dlock's release.
  [[nodiscard]] bool take_nudge() {
    const std::lock_guard lock(guard);
    const bool foreign = foreign_nudge;
    nudge = foreign_nudge = false;
    return foreign;
  }
};

}  // namespace dlock::detail
