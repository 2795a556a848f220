#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <dlock/dlock.hpp>
#include <stdexcept>
#include <utility>

#include "demonstrations.hpp"
#include "util/identity.hpp"

namespace dlock::testing {
namespace {

using namespace std::chrono_literals;

client_options options() {
  return {.url = std::getenv("DLOCK_TEST_URL"), .db = "dlock_planted"};
}

bool takes_them_in_any_order() {
  client locks(options());
  const std::string name = fresh_uuid();
  mutex first(locks, name + "a"), second(locks, name + "b"), looks(locks, name + "b");
  client others(options());
  mutex taken(others, name + "a");
  auto holds = taken.acquire();
  bool looked = false, early = false;
  // Looks while the first one is held by others; however long that takes, they keep it for so long.
  auto got = acquire_all({second, first}, {.timeout = 60s, .on_wait = [&](const auto&) {
                                             if (std::exchange(looked, true)) return;
                                             early = looks.try_acquire().result() == outcome::busy;
                                             (void)holds->release();
                                           }});
  if (!got) throw std::runtime_error("the first one was free at last");
  return early;
}

bool lets_a_child_release() {
  client locks(options());
  mutex lock(locks, fresh_uuid());
  auto held = lock.acquire();
  const pid_t child = fork();
  if (child == 0) {
    alarm(10);
    try {
      (void)held->release();
    } catch (const error&) {
      _exit(0);
    }
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  client others(options());
  return static_cast<bool>(mutex(others, lock.id()).try_acquire());
}

}  // namespace

demonstrations of_clients() {
  return {
      {"acquire-all-unordered", takes_them_in_any_order},
      {"child-releases", lets_a_child_release},
  };
}

}  // namespace dlock::testing
