#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace dlock {

/// A thread that takes no signals: those belong to the program.
[[nodiscard]] std::thread quiet_thread(std::function<void()> run);

/// Takes a thread that ends soon, but for which its owner cannot wait: it may be stuck in the driver.
void let_go(std::thread thread) noexcept;

/// Joins those that were let go, up to `patience`. To be called before exit() cleans up the libraries of the driver: a
/// thread that uses them afterwards aborts the process.
void join_let_go(std::chrono::milliseconds patience) noexcept;

}  // namespace dlock
