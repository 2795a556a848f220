#pragma once

#include <functional>
#include <thread>
#include <vector>

namespace dlock {

/// A thread that gets no signals, because signals belong to the program. `name`, of at most 15 bytes, is shown by ps
/// and debuggers.
[[nodiscard]] std::thread thread_without_signals(const char* name, std::function<void()> run);

/// Joins the thread if it has ended. std::thread::join() would also wait for objects that the thread destroys at its
/// end. These may belong to the user, and may take long.
[[nodiscard]] bool join_if_ended(std::thread& t) noexcept;

/// Takes threads that their owner cannot wait for: one may be stuck in the driver, or in a callback. Threads that have
/// ended are joined here or at the next call. exit() joins the others, and waits for them for at most 5 s.
void drop(std::vector<std::thread> threads) noexcept;
void drop(std::thread thread) noexcept;

/// exit() does that wait before it runs the handlers that are registered so far. Call this after the driver's libraries
/// were loaded: a thread that uses them after their clean-up aborts the process.
void join_dropped_at_exit();

}  // namespace dlock
