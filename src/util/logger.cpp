#include "util/logger.hpp"

#include <condition_variable>
#include <future>
#include <mutex>

#include <dlock/text.hpp>

namespace dlock {
namespace {
constexpr std::chrono::milliseconds kPatience{300};
constexpr std::chrono::milliseconds kPatienceWithOne{700};
}  // namespace

/// A thread of the driver may keep the logger and write to it when the client is already gone, and with it what its
/// callback refers to.
struct logger::shared {
  log_callback log;
  std::mutex guard;
  std::condition_variable ended;
  bool running = false;
  bool closed = false;

  [[nodiscard]] bool is_closed() {
    const std::lock_guard lock(guard);
    return closed;
  }
  void call(log_level level, const std::string& message) {
    {
      const std::lock_guard lock(guard);
      if (closed) return;
      running = true;
    }
    try {
      log(level, message);
    } catch (...) {  // NOLINT(bugprone-empty-catch): options.hpp promises so, and there is nobody to tell
    }
    const std::lock_guard lock(guard);
    running = false;
    ended.notify_all();
  }
};

std::shared_ptr<logger> logger::make(const log_callback& log, text_filter first) {
  if (!log) return nullptr;
  // printable() comes last, because it would change the secrets that `first` looks for.
  return std::shared_ptr<logger>(new logger([log, first = std::move(first)](log_level level, std::string_view message) {
    log(level, printable(first ? first(std::string(message)) : std::string(message)));
  }));
}

logger::logger(log_callback log) : shared_(std::make_shared<shared>()) {
  shared_->log = std::move(log);
}

logger::~logger() {
  if (!shared_->is_closed()) close();
}

void logger::close() {
  auto done = std::make_shared<std::promise<void>>();
  // If a logger is destroyed by its own callback, it cannot wait for itself.
  if (!thread_.is_mine() && thread_.is_busy() && thread_.post([done] { done->set_value(); }))
    (void)done->get_future().wait_for(kPatience);
  {
    std::unique_lock lock(shared_->guard);
    shared_->closed = true;
    if (!thread_.is_mine()) shared_->ended.wait_for(lock, kPatienceWithOne, [&] { return !shared_->running; });
  }
  thread_.stop(std::chrono::milliseconds{0});
}

void logger::write(log_level level, std::string message) {
  thread_.post([s = shared_, level, message = std::move(message)] { s->call(level, message); });
}

log_callback writer(const std::shared_ptr<logger>& to) {
  return [weak = std::weak_ptr<logger>(to)](log_level level, std::string_view message) {
    if (const auto log = weak.lock()) log->write(level, std::string(message));
  };
}

}  // namespace dlock
