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
#include "support/waiting.hpp"

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

  /// With grant notices, polls are at least half a minute apart, and everything else takes longer. So a waiter that
  /// gets the lock sooner was notified.
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

  [[nodiscard]] client another(client_options o = quick()) const {
    return fake_client(store, std::move(o), 16, notices, env);
  }
};

inline fake_store::filter only(operation op) {
  return [op](const protocol::request& r, lane) { return r.op == op; };
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

}  // namespace dlock::testing
