#include "forking.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace chaos {
namespace {

constexpr unsigned kChildSeconds = 10;

/// Uses what the parent holds, as a child that does not know better, and ends with all destructors of static objects.
[[noreturn]] void be_a_child(holding& what, history& into) {
  alarm(kChildSeconds);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  into.write("child", what.as_a_child());
  std::exit(0);  // NOLINT(concurrency-mt-unsafe): it is the only thread
}

}  // namespace

bool forking::fork_with(holding& what, history& into) {
  if (!std::holds_alternative<dlock::lease>(what.lease()) || !wanted_.exchange(false)) return false;
  into.write("forked", {{"id", what.locks().front().id}});
  const pid_t child = fork();
  if (child == 0) be_a_child(what, into);
  return child > 0;
}

}  // namespace chaos
