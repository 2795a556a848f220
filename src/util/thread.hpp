#pragma once

#include <functional>
#include <thread>
#include <vector>

namespace dlock {

/// A thread that takes no signals: those belong to the program. `name`, of at most 15 bytes, is what ps and debuggers
/// show of it.
[[nodiscard]] std::thread quiet_thread(const char* name, std::function<void()> run);

/// Takes threads for whose end their owner cannot wait: one may be stuck in the driver, or in a callback. Those that
/// have ended are joined here, at the next call, or by exit(), which waits for the others for at most 5 s.
void drop(std::vector<std::thread> threads) noexcept;
void drop(std::thread thread) noexcept;

/// exit() does that wait before what is registered until now. To be called when the driver's libraries are there: a
/// thread that uses them after their clean-up aborts the process.
void join_dropped_at_exit();

}  // namespace dlock
