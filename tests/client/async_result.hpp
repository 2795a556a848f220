#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

#include "client/world.hpp"

namespace dlock::testing {

/// The callback of one call, and what it was called with.
class async_result {
 public:
  [[nodiscard]] acquire_callback taking() {
    return [s = state_](std::exception_ptr failure, acquisition got) {
      s->got.emplace(std::move(got));
      s->called(std::move(failure));
    };
  }
  [[nodiscard]] release_callback giving() {
    return [s = state_](std::exception_ptr failure, release_result what) {
      s->released = what;
      s->called(std::move(failure));
    };
  }
  [[nodiscard]] bool wait() const { return state_->there.wait(); }
  /// Waits for it. What it threw, if it did.
  [[nodiscard]] acquisition& get() const {
    if (!wait()) throw std::runtime_error("the callback was not called");
    if (state_->failure) std::rethrow_exception(state_->failure);
    return *state_->got;
  }
  [[nodiscard]] release_result released() const {
    if (!wait()) throw std::runtime_error("the callback was not called");
    if (state_->failure) std::rethrow_exception(state_->failure);
    return state_->released;
  }
  [[nodiscard]] int calls() const { return state_->calls; }
  [[nodiscard]] std::thread::id thread() const { return state_->thread; }

 private:
  struct state {
    std::exception_ptr failure;
    std::optional<acquisition> got;
    release_result released = release_result::not_held;
    std::thread::id thread;
    std::atomic<int> calls = 0;
    event there;

    void called(std::exception_ptr f) {
      failure = std::move(f);
      thread = std::this_thread::get_id();
      ++calls;
      there.happen();
    }
  };
  std::shared_ptr<state> state_ = std::make_shared<state>();
};

}  // namespace dlock::testing
