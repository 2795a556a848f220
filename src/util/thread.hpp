#pragma once

#include <functional>
#include <thread>

namespace dlock {

/// A thread that takes no signals: those belong to the program.
[[nodiscard]] std::thread quiet_thread(std::function<void()> run);

}  // namespace dlock
