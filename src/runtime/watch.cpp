#include "runtime/watch.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

#include "runtime/monitor.hpp"

namespace dlock::detail {

struct watch::shared {
  shared(std::shared_ptr<monitor> m, std::unique_ptr<clock_watch> c) : of(std::move(m)), wall_clock(std::move(c)) {
    if (wake < 0) throw std::system_error(errno, std::generic_category(), "dlock: cannot watch leases");
  }
  shared(const shared&) = delete;
  shared& operator=(const shared&) = delete;
  ~shared() { close(wake); }

  const std::shared_ptr<monitor> of;
  const std::unique_ptr<clock_watch> wall_clock;
  const int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::atomic<bool> stopped = false;

  void run() const {
    while (!stopped) {
      std::array<pollfd, 3> fds{{{wake, POLLIN, 0}, {of->alarm(), POLLIN, 0}, {wall_clock->fd(), POLLIN, 0}}};
      (void)poll(fds.data(), fds.size(), -1);
      if (!stopped) of->look(wall_clock->was_set());
    }
  }
};

watch::watch(std::shared_ptr<monitor> of, std::unique_ptr<clock_watch> wall_clock)
    : shared_(std::make_shared<shared>(std::move(of), std::move(wall_clock))) {
  if (!thread_.post([s = shared_] { s->run(); })) {
    throw std::system_error(EAGAIN, std::generic_category(), "dlock: cannot watch leases");
  }
}

watch::~watch() {
  stop(std::chrono::milliseconds{0});
}

void watch::stop(std::chrono::milliseconds patience) {
  shared_->stopped = true;
  [[maybe_unused]] const int done = eventfd_write(shared_->wake, 1);
  thread_.stop(patience);
}

}  // namespace dlock::detail
