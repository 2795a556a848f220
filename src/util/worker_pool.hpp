#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

namespace dlock {

/// Threads that run blocking tasks: a task gets an idle thread, or a new one while there are fewer than `most`, or it
/// waits for its turn. A task must not throw, and must own whatever it uses.
class worker_pool {
 public:
  explicit worker_pool(std::size_t most);
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;

  /// stop(1 s), unless stop() was called: who did has waited.
  ~worker_pool();

  /// False if the pool was stopped, or no thread can be had: the task will not run.
  bool post(std::function<void()> task);

  /// Whether this thread runs one of the pool's tasks; whether any does, or is to.
  [[nodiscard]] bool is_mine() const;
  [[nodiscard]] bool is_busy() const;

  /// Drops the tasks that have not begun and waits for the others, up to `patience`. A thread that is still busy then
  /// is let go: it ends when its task does. May be called from a task.
  void stop(std::chrono::milliseconds patience);

 private:
  struct shared;
  std::shared_ptr<shared> shared_;
};

}  // namespace dlock
