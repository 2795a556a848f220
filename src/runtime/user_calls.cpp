#include "runtime/user_calls.hpp"

#include <utility>

namespace dlock::detail {

void user_calls::call(const std::function<void()>& callback) {
  {
    const std::lock_guard lock(guard_);
    if (ended_) return;
    caller_ = std::this_thread::get_id();
  }
  call_user(callback, [this](const std::string& what) { log_(log_level::error, "the callback of " + whose_ + what); });
  const std::lock_guard lock(guard_);
  caller_ = {};
  idle_.notify_all();
}

bool user_calls::end(std::chrono::milliseconds patience) {
  if (forked()) return false;
  std::unique_lock lock(guard_);
  const bool first = !std::exchange(ended_, true);
  idle_.wait_for(lock, patience, [&] { return caller_ == std::thread::id() || caller_ == std::this_thread::get_id(); });
  return first;
}

bool user_calls::has_ended() const {
  const std::lock_guard lock(guard_);
  return ended_;
}

}  // namespace dlock::detail
