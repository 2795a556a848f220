#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <limits>
#include <memory>

namespace dlock {

/// Threads that run blocking tasks. A task gets an idle thread, or a new one if there are fewer than `most`, or else it
/// waits for its turn. Threads that are not needed any more end, but not the last one. A task must not throw, and must
/// own everything that it uses.
class worker_pool {
 public:
  /// For tasks that may block for ever. Such a task must not wait for its turn, because the turn might never come.
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

  /// `name`: the name of its threads (thread.hpp). `idle`: a thread that was not needed for this time ends.
  explicit worker_pool(std::size_t most, const char* name = "dlock",
                       std::chrono::milliseconds idle = std::chrono::seconds{10});
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;

  /// Calls stop(1 s), unless stop() was called before: that caller has already waited. Threads that are still busy are
  /// dropped (thread.hpp).
  ~worker_pool();

  /// False if the pool was stopped, or if no thread is available. Then the task will not run, and the caller keeps it.
  /// In an unlimited pool, it is also false if the system gives no thread for this task, however many threads there
  /// are.
  bool post(std::function<void()>&& task);
  /// The same, for a task that can wait for its turn in any pool.
  bool post_patiently(std::function<void()>&& task);

  [[nodiscard]] std::size_t most() const;
  /// is_mine(): whether this thread runs a task of the pool. is_busy(): whether any thread does, or will.
  [[nodiscard]] bool is_mine() const;
  [[nodiscard]] bool is_busy() const;

  /// Drops the tasks that have not begun, and waits for the others, at most `patience`. A thread that is still busy
  /// after that ends when its task ends. May be called from a task.
  void stop(std::chrono::milliseconds patience);

 private:
  struct shared;
  bool add(std::function<void()>& task, bool patient);
  std::shared_ptr<shared> shared_;
};

}  // namespace dlock
