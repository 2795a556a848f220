#include "attempt.hpp"

#include <sys/eventfd.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <utility>

#include "text.hpp"

namespace dlock::cli {

namespace {

using std::chrono::milliseconds;

/// Prints remarks on how the queue moves.
class queue_reporter {
 public:
  explicit queue_reporter(std::string lock) : lock_(std::move(lock)) {}

  void operator()(const dlock::wait_status& status) {
    const std::string holder = status.holder ? status.holder->who : "";
    if (std::exchange(place_, status.place) == status.place && std::exchange(holder_, holder) == holder) return;
    holder_ = holder;
    std::string line = "waiting for " + lock_ + ", " + std::to_string(status.place) + " ahead in the queue";
    if (status.holder) line += "; held by " + describe(*status.holder);
    remark(line);
  }

 private:
  std::string lock_;
  std::int64_t place_ = -1;
  std::string holder_;
};

void pause(const std::stop_token& stop, milliseconds time) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock hold(mutex);
  wake.wait_for(hold, stop, time, [] { return false; });
}

}  // namespace

std::string describe(const dlock::holder_info& holder) {
  if (holder.foreign) return foreign_client;
  const std::string token = holder.token != 0 ? " (token " + std::to_string(holder.token) + ")" : "";
  return name_of_client(holder.who) + token + ", whose lease ends in " + in_seconds(holder.expires_in) +
         " unless renewed";
}

std::string names(const std::vector<std::string>& ids) {
  std::string out;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    out += (i == 0 ? "" : i + 1 == ids.size() ? " and " : ", ") + in_quotes(ids[i]);
  }
  return out;
}

attempt::attempt(std::optional<dlock::client>& client, attempt_setup setup)
    : client_(client), setup_(std::move(setup)), done_(eventfd(0, EFD_CLOEXEC)), connecting_(!client) {
  if (!done_) throw failure(std::string("cannot create an eventfd: ") + std::strerror(errno));
  thread_ = std::thread([this] { run(); });
}

void attempt::run() {
  try {
    if (!client_) client_.emplace(setup_.client());
    connecting_ = false;
    if (!stop_.stop_requested()) answer_.emplace(ask());
  } catch (const std::exception& problem) {
    error_ = problem.what();
  }
  eventfd_write(done_.get(), 1);
}

answer attempt::ask() {
  for (bool said = false;;) {
    try {
      return setup_.ask(*client_, wait_options());
    } catch (const dlock::error& problem) {
      if (!setup_.insists || !problem.retryable() || stop_.stop_requested()) throw;
      if (!std::exchange(said, true)) complain(std::string(problem.what()) + "; trying again");
    }
    pause(stop_.get_token(), milliseconds(500));  // the call itself has already waited for the server
  }
}

dlock::wait_options attempt::wait_options() const {
  if (setup_.nonblock) return {.timeout = milliseconds(0), .stop = stop_.get_token(), .on_wait = {}};
  dlock::wait_options wait{.timeout = {}, .stop = stop_.get_token(), .on_wait = {}};
  if (setup_.deadline) {
    wait.timeout =
        std::max(milliseconds(1), std::chrono::duration_cast<milliseconds>(*setup_.deadline - boot_clock::now()));
  }
  // The library does not say for which of several locks it is waiting.
  if (setup_.verbose) wait.on_wait = queue_reporter((setup_.ids.size() > 1 ? "one of " : "") + names(setup_.ids));
  return wait;
}

bool attempt::cancel() {
  stop_.request_stop();
  return connecting_;
}

std::optional<answer> attempt::take() {
  thread_.join();
  if (!error_.empty()) throw failure(error_);
  return std::move(answer_);
}

}  // namespace dlock::cli
