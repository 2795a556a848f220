#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include "client/world.hpp"

/// What must not wait for a mutex of the library: a child, whose copy of it may have been locked by a thread that the
/// child does not have; and code of the user's.
namespace dlock::testing {
namespace {

/// Of release() in a child; then the child ends, without destructors. -1: it hangs.
[[maybe_unused]] int forked_release(mutex& lock) {
  const pid_t pid = fork();
  if (pid == 0) {
    int status = 1;
    try {
      (void)lock.release();
    } catch (const error& e) {
      status = e.code() == errc::forked ? 42 : 2;
    }
    _exit(status);
  }
  int status = 0;
  if (!eventually([&] { return waitpid(pid, &status, WNOHANG) == pid; })) {
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -2;
}

// Not under ASan: the busy thread may be in its allocator, whose mutexes GCC's runtime does not care for in a fork as
// glibc does for malloc's. Then a child that makes an error hangs.
#ifndef __SANITIZE_ADDRESS__
TEST(Fork, AReleaseInAChildIsRefusedWhateverTheParentsThreadsWereDoing) {
  world w;
  mutex lock(*w.locks, "lock");
  auto got = lock.acquire();
  ASSERT_TRUE(got);
  std::atomic<bool> enough{false};
  std::jthread busy([&] {
    while (!enough) (void)lock.try_acquire().result();  // already held, which takes the lock's own mutex to see
  });
  for (int i = 0; i < 100; ++i) {
    const int status = forked_release(lock);
    EXPECT_EQ(status, 42) << "in the fork " << i;
    if (status != 42) break;
  }
  enough = true;
}
#endif

/// A callback may own anything.
struct owner {
  std::function<void()> at_the_end;
  explicit owner(std::function<void()> f) : at_the_end(std::move(f)) {}
  owner(const owner&) = delete;
  owner& operator=(const owner&) = delete;
  ~owner() { at_the_end(); }
};

TEST(LockCore, WhatAnOldLeaseOwnsIsDestroyedOutsideTheLocksMutex) {
  world w;
  mutex lock(*w.locks, "lock");
  bool waited = true;
  event tried;
  std::jthread other;  // uses the same lock meanwhile, and must not have to wait for this
  {
    auto got = lock.acquire();
    ASSERT_TRUE(got);
    got->on_lost([o = std::make_shared<owner>([&] {
                    other = std::jthread([&] {
                      (void)lock.try_acquire().result();
                      tried.happen();
                    });
                    waited = !tried.wait();
                  })] {});
    w.store->inject({.what = fault::kind::lost_answer, .times = fault::always, .on = only(operation::release)});
    EXPECT_TRUE(error_of([&] { (void)got->release(100ms); }).in_doubt());
  }
  w.store->heal();
  ASSERT_TRUE(lock.acquire()) << "the old lease goes here";
  EXPECT_FALSE(waited);
}

}  // namespace
}  // namespace dlock::testing
