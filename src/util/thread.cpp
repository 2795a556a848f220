#include "util/thread.hpp"

#include <csignal>

namespace dlock {
namespace {

/// Blocks all signals while it lives; a thread started meanwhile inherits that.
class signals_blocked {
 public:
  signals_blocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;
  ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

std::thread quiet_thread(std::function<void()> run) {
  const signals_blocked quiet;
  return std::thread(std::move(run));
}

}  // namespace dlock
