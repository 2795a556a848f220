#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <dlock/dlock.hpp>

#include "support/fake_channel.hpp"
#include "support/fake_client.hpp"

namespace dlock::testing {

using namespace std::chrono_literals;
using protocol::operation;

using fault = fake_store::fault;

/// A client on a store in memory. Leases last long unless a test is about their end: the machine may be busy.
struct world {
  static client_options quick() {
    client_options o;
    o.exp_delta = 3s;
    o.wait_lock_period = 200ms;
    o.clock_skew = 0ms;
    o.operation_timeout = 1s;
    o.who = "somebody";
    return o;
  }

  /// Looks are half a minute apart at least, where grants are announced, and all else takes longer: whoever gets or
  /// learns something sooner was told.
  static client_options patient() {
    client_options o = quick();
    o.exp_delta = 60s;
    o.wait_lock_period = 45s;
    o.operation_timeout = 60s;
    return o;
  }

  std::shared_ptr<environment> env;
  std::shared_ptr<fake_store> store = running_store(env);
  std::shared_ptr<fake_channel> notices;  // null: no channel
  std::optional<client> locks;

  explicit world(client_options o = quick(), std::size_t threads = 16, std::shared_ptr<fake_channel> channel = nullptr,
                 std::shared_ptr<environment> time = std::make_shared<real_environment>())
      : env(std::move(time)), notices(std::move(channel)) {
    locks.emplace(fake_client(store, std::move(o), threads, notices, env));
  }

  /// Waits until nobody has looked for a second: looks come fast at first, and once more when an inbox is open.
  void settle() const {
    for (bool quiet = false; !quiet;) {
      const auto looks = store->count(operation::heartbeat);
      std::this_thread::sleep_for(1s);
      quiet = store->count(operation::heartbeat) == looks;
    }
  }

  [[nodiscard]] client another(client_options o = quick()) const {
    return fake_client(store, std::move(o), 16, notices, env);
  }
};

inline fake_store::filter only(operation op) {
  return [op](const protocol::request& r, lane) { return r.op == op; };
}

/// How long `f` took.
template <typename F>
std::chrono::milliseconds time_of(F&& f) {
  const auto before = boot_clock::now();
  std::forward<F>(f)();
  return std::chrono::ceil<std::chrono::milliseconds>(boot_clock::now() - before);
}

/// What `f` throws.
template <typename F>
error error_of(F&& f) {
  try {
    std::forward<F>(f)();
  } catch (const error& e) {
    return e;
  }
  ADD_FAILURE() << "no error";
  return {errc::server, ""};
}

/// A moment that a test waits for, but not for ever.
class event {
 public:
  void happen() {
    const std::lock_guard lock(guard_);
    happened_ = true;
    changed_.notify_all();
  }
  [[nodiscard]] bool wait(std::chrono::milliseconds limit = 30s) {
    std::unique_lock lock(guard_);
    return changed_.wait_for(lock, limit, [&] { return happened_; });
  }

 private:
  std::mutex guard_;
  std::condition_variable changed_;
  bool happened_ = false;
};

/// Repeats `condition` until it is so.
template <typename F>
bool eventually(F&& condition, std::chrono::milliseconds limit = 30s) {
  const auto end = boot_clock::now() + limit;
  while (!condition()) {
    if (boot_clock::now() > end) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

}  // namespace dlock::testing
