#include "util/logger.hpp"

#include <future>

#include <dlock/text.hpp>

namespace dlock {
namespace {
constexpr std::chrono::milliseconds kPatience{300};
}

std::shared_ptr<logger> logger::make(const log_callback& log, text_filter first) {
  if (!log) return nullptr;
  // printable() comes last: it changes the secrets that `first` looks for.
  return std::shared_ptr<logger>(new logger([log, first = std::move(first)](log_level level, std::string_view message) {
    log(level, printable(first ? first(std::string(message)) : std::string(message)));
  }));
}

logger::logger(log_callback log) : log_(std::make_shared<log_callback>(std::move(log))) {}

logger::~logger() {
  auto done = std::make_shared<std::promise<void>>();
  // A logger that is destroyed by its own callback cannot wait for itself.
  if (!thread_.is_mine() && thread_.is_busy() && thread_.post([done] { done->set_value(); }))
    (void)done->get_future().wait_for(kPatience);
  thread_.stop(std::chrono::milliseconds{0});
}

void logger::write(log_level level, std::string message) {
  thread_.post([log = log_, level, message = std::move(message)] {
    try {
      (*log)(level, message);
    } catch (...) {  // NOLINT(bugprone-empty-catch): options.hpp promises so, and there is nobody to tell
    }
  });
}

log_callback writer(const std::shared_ptr<logger>& to) {
  return [weak = std::weak_ptr<logger>(to)](log_level level, std::string_view message) {
    if (const auto log = weak.lock()) log->write(level, std::string(message));
  };
}

}  // namespace dlock
