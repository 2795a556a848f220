#include "store/driver.hpp"

#include <mongoc/mongoc.h>

#include <algorithm>
#include <mutex>
#include <vector>

#include "util/thread.hpp"

namespace dlock {
namespace {

struct listeners {
  std::mutex guard;
  std::vector<std::weak_ptr<logger>> list;
};

/// Never destroyed, because the driver may log while the process ends.
listeners& all_listeners() {
  static auto& all = *new listeners;
  return all;
}

log_level level_of(mongoc_log_level_t level) {
  switch (level) {
    case MONGOC_LOG_LEVEL_ERROR:
    case MONGOC_LOG_LEVEL_CRITICAL:
      return log_level::error;
    case MONGOC_LOG_LEVEL_WARNING:
      return log_level::warning;
    case MONGOC_LOG_LEVEL_MESSAGE:
    case MONGOC_LOG_LEVEL_INFO:
      return log_level::info;
    default:
      return log_level::debug;
  }
}

void forward(mongoc_log_level_t level, const char* domain, const char* message, void*) {
  std::vector<std::shared_ptr<logger>> now;
  {
    auto& all = all_listeners();
    const std::lock_guard lock(all.guard);
    for (const auto& weak : all.list) {
      if (auto one = weak.lock()) now.push_back(std::move(one));
    }
  }
  // This only hands the message over, because the driver holds a lock of its own during this call.
  for (const auto& log : now) log->write(level_of(level), std::string("driver: ") + domain + ": " + message);
}

}  // namespace

void initialise_driver() {
  static const bool once = [] {
    mongoc_log_set_handler(forward, nullptr);  // first, because the initialisation may log
    mongoc_init();
    join_dropped_at_exit();
    return true;
  }();
  (void)once;
}

void listen_to_driver(const std::shared_ptr<logger>& log) {
  if (!log) return;
  auto& all = all_listeners();
  const std::lock_guard lock(all.guard);
  std::erase_if(all.list, [](auto& weak) { return weak.expired(); });
  all.list.push_back(log);
}

}  // namespace dlock
