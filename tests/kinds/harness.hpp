#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <dlock/dlock.hpp>

#include "support/waiting.hpp"

/// What every kind of lock does, told by the public API alone. The suites are built twice: on the fake store and on a
/// server.
namespace dlock::testing {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

/// Clients of one collection.
class place {
 public:
  place() = default;
  place(const place&) = delete;
  place& operator=(const place&) = delete;
  virtual ~place() = default;
  [[nodiscard]] virtual client make(client_options options) = 0;
  /// The lock's document goes, as if an operator had deleted it.
  virtual void remove(const std::string& lock) = 0;
};

[[nodiscard]] std::unique_ptr<place> make_place();

class Kinds : public ::testing::Test {
 protected:
  static client_options quick() {
    client_options o;
    o.exp_delta = 5s;
    o.wait_lock_period = 2s;  // within that an heir must say that it has heard, on a busy machine, too
    o.clock_skew = 100ms;
    o.who = "somebody";
    return o;
  }
  /// With DLOCK_TEST_EXPIRY=observed, all locks of a run are of observed expiry.
  [[nodiscard]] static bool observes() {
    const char* how = std::getenv("DLOCK_TEST_EXPIRY");
    return how != nullptr && std::string(how) == "observed";
  }
  [[nodiscard]] client another(client_options o = quick()) {
    if (observes()) o.expiry = expiry::observed;
    return place_->make(std::move(o));
  }

  /// Waits until so many stand in the lock's queue, or hold it.
  [[nodiscard]] bool queued(const std::string& id, std::size_t n) {
    return eventually([&] {
      const auto s = mine.inspect(id);
      return s && s->waiters.size() == n;
    });
  }
  [[nodiscard]] bool held_by(const std::string& id, std::size_t n) {
    return eventually([&] {
      const auto s = mine.inspect(id);
      return s && s->holders.size() == n;
    });
  }

  std::unique_ptr<place> place_ = make_place();
  client mine = another();
  client theirs = another();
};

/// A call on a thread of its own.
template <typename F>
auto later(F f) {
  return std::async(std::launch::async, std::move(f));
}

template <typename T>
bool ready(const std::future<T>& f, milliseconds within = 0ms) {
  return f.wait_for(within) == std::future_status::ready;
}

}  // namespace dlock::testing
