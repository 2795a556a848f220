#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "replica/fixture.hpp"

/// After fork the child holds nothing, and takes nothing from its parent.
namespace dlock::testing {
namespace {

class Fork : public Replica {
 protected:
  /// Runs `child` in a fork, and then exit(): destructors of static objects included. Its status, or -1 if it hangs or
  /// crashes.
  template <typename F>
  static int status_of(F&& child) {
    const pid_t pid = fork();
    if (pid == 0) exit(child());  // NOLINT(concurrency-mt-unsafe)
    int status = 0;
    if (!eventually([&] { return waitpid(pid, &status, WNOHANG) == pid; })) {
      kill(pid, SIGKILL);
      waitpid(pid, &status, 0);
      return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
};

template <typename F>
bool refused(F&& call) {
  try {
    call();
    return false;
  } catch (const error& e) {
    return e.code() == errc::forked;
  }
}

TEST_F(Fork, TheChildHoldsNothingAndTheParentKeepsItsLock) {
  std::optional<client> locks(options("test", 5s));
  mutex lock(*locks, id), other(*locks, id + "Other");
  auto got = lock.try_acquire();
  ASSERT_TRUE(got);
  const auto before = wall_clock_ms();
  const int status = status_of([&] {
    if (got->valid_for() != 0ms || got->held()) return 1;
    if (!refused([&] { (void)got->release(); })) return 2;
    if (!refused([&] { (void)lock.release(); })) return 3;
    if (!refused([&] { (void)other.try_acquire().result(); })) return 4;
    if (!refused([&] { (void)other.acquire({.timeout = 1s}).result(); })) return 5;
    if (!refused([&] { (void)lock.try_acquire().result(); })) return 6;
    if (!refused([&] { got->check(); })) return 7;
    got->on_lost([] {});
    locks->close();
    locks.reset();
    { const lease gone = std::move(*got); }
    return 42;
  });
  EXPECT_EQ(status, 42);
  EXPECT_LT(wall_clock_ms() - before, 9000) << "by itself an operation gives up after 10 s";
  std::this_thread::sleep_for(6s);
  EXPECT_TRUE(got->held()) << "renewed over more than a lease";
  EXPECT_EQ(holders(id), 1u);
  EXPECT_EQ(got->release(), release_result::released);
  EXPECT_TRUE(other.try_acquire()) << "the parent's connections are unharmed";
}

TEST_F(Fork, AChildMayHaveAClientOfItsOwnAndADifferentIdentity) {
  client locks(options("test", 20s));
  auto got = mutex(locks, id).try_acquire();
  const auto o = options("child", 20s);
  const int status = status_of([&] {
    client mine(o);
    if (mutex(mine, id).try_acquire().result() != outcome::busy) return 1;
    auto theirs = mutex(mine, id + "Child").try_acquire();
    if (!theirs || theirs->owner() == got->owner()) return 2;
    return theirs->release() == release_result::released ? 42 : 3;
  });
  EXPECT_EQ(status, 42);
  EXPECT_TRUE(got->held());
}

}  // namespace
}  // namespace dlock::testing
