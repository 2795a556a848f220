#include "attempt.hpp"

#include <sys/eventfd.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "text.hpp"

namespace dlock::cli {

namespace {

using std::chrono::milliseconds;

/// Remarks on how the queue moves, when it does.
class queue_reporter {
 public:
  explicit queue_reporter(const std::string& id) : id_(id) {}

  void operator()(const dlock::wait_status& status) {
    const std::string holder = status.holder ? status.holder->who : "";
    if (std::exchange(place_, status.place) == status.place && std::exchange(holder_, holder) == holder) return;
    holder_ = holder;
    std::string line = "waiting for " + quoted(id_) + ", " + std::to_string(status.place) + " ahead in the queue";
    if (status.holder) line += "; held by " + describe(*status.holder);
    remark(line);
  }

 private:
  std::string id_;
  std::int64_t place_ = -1;
  std::string holder_;
};

}  // namespace

std::string describe(const dlock::holder_info& holder) {
  if (holder.foreign) return "a mongo-dlock (node) client";
  return (holder.who.empty() ? "somebody" : printable(holder.who)) + " (token " + std::to_string(holder.token) +
         "), whose lease ends in " + in_seconds(holder.expires_in) + " unless renewed";
}

attempt::attempt(const run_options& options, std::optional<boot_clock::time_point> deadline)
    : options_(options), done_(eventfd(0, EFD_CLOEXEC)) {
  if (!done_) throw failure(std::string("cannot make an event: ") + std::strerror(errno));
  thread_ = std::thread([this, deadline] { run(deadline); });
}

void attempt::run(std::optional<boot_clock::time_point> deadline) {
  try {
    result_.client.emplace(options_.client);
    dlock::mutex lock{*result_.client, options_.id};
    connecting_ = false;
    if (!stop_.stop_requested()) result_.answer.emplace(acquire(lock, deadline));
  } catch (const std::exception& problem) {
    result_.error = problem.what();
  }
  eventfd_write(done_.get(), 1);
}

dlock::acquisition attempt::acquire(dlock::mutex& lock, std::optional<boot_clock::time_point> deadline) {
  if (options_.wait == milliseconds(0)) return lock.try_acquire();
  dlock::wait_options wait{.timeout = {}, .stop = stop_.get_token(), .on_wait = {}};
  if (deadline) {
    wait.timeout = std::max(milliseconds(1), std::chrono::duration_cast<milliseconds>(*deadline - boot_clock::now()));
  }
  if (options_.verbose) wait.on_wait = queue_reporter(options_.id);
  return lock.acquire(std::move(wait));
}

bool attempt::cancel() {
  stop_.request_stop();
  return connecting_;
}

attempt_result attempt::take() {
  thread_.join();
  return std::move(result_);
}

}  // namespace dlock::cli
