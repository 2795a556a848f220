#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <limits>
#include <memory>

namespace dlock {

/// Threads that run blocking tasks: a task gets an idle thread, or a new one while there are fewer than `most`, or it
/// waits for its turn. A task must not throw, and must own whatever it uses.
class worker_pool {
 public:
  /// For tasks that may block for ever: one that waited for its turn might never have it.
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

  /// `name`: of its threads (thread.hpp).
  explicit worker_pool(std::size_t most, const char* name = "dlock");
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;

  /// stop(1 s), unless stop() was called: who did has waited. Threads that are still busy are let go (thread.hpp).
  ~worker_pool();

  /// False if the pool was stopped, or no thread can be had: the task will not run, and is still the caller's. Without
  /// a limit that is also so if the system gives no thread, however many there are.
  bool post(std::function<void()>&& task);
  /// The same for a task that can wait for its turn in any pool.
  bool post_patiently(std::function<void()>&& task);

  [[nodiscard]] std::size_t most() const;
  /// Whether this thread runs one of the pool's tasks; whether any does, or is to.
  [[nodiscard]] bool is_mine() const;
  [[nodiscard]] bool is_busy() const;

  /// Drops the tasks that have not begun and waits for the others, up to `patience`. A thread that is still busy then
  /// ends when its task does. May be called from a task.
  void stop(std::chrono::milliseconds patience);

 private:
  struct shared;
  bool add(std::function<void()>& task, bool patient);
  std::shared_ptr<shared> shared_;
};

}  // namespace dlock
