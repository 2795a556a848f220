#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "replica/fixture.hpp"
#include "support/canary.hpp"

/// How long a lease lasts, and what its holder hears of its end.
namespace dlock::testing {
namespace {

using Lease = Replica;
using LeaseOfThree = ThreeMembers;

/// When a lease was told to be lost.
struct loss {
  std::atomic<boot_clock::time_point> at{boot_clock::time_point::max()};
  explicit loss(lease& l) {
    l.on_lost([this] { at = boot_clock::now(); });
  }
  /// Told before a rival was in, at `in`. A machine that wakes a thread later than the rival's time comes has it told
  /// after `end`, when the lease was over, by as much as that at most.
  void expect_before(boot_clock::time_point in, boot_clock::time_point end, const canary& machine) const {
    ASSERT_TRUE(eventually([&] { return at.load() != boot_clock::time_point::max(); }));
    EXPECT_GE(at.load(), end);
    EXPECT_LT(end, in) << "by the clock it was over";
    EXPECT_LT(at.load(), std::max(in, end + machine.allowance()));
  }
};

TEST_F(Lease, AKilledHolderIsFollowedSoonAfterItsTtl) {
  client rivals(options("rival"));
  int out[2];
  ASSERT_EQ(pipe2(out, O_CLOEXEC), 0);
  const auto url = test_url();
  const pid_t holder = fork();
  if (holder == 0) {
    dup2(out[1], 1);
    execl(DLOCK_HOLDER, DLOCK_HOLDER, url.c_str(), db.c_str(), id.c_str(), "2000", static_cast<char*>(nullptr));
    _exit(127);
  }
  close(out[1]);
  FILE* from = fdopen(out[0], "r");
  long long token = 0;
  ASSERT_EQ(std::fscanf(from, "%lld", &token), 1);
  std::fclose(from);
  boot_clock::time_point granted;
  std::int64_t next = 0;
  std::jthread rival([&] {
    auto got = mutex(rivals, id).acquire({.timeout = 60s});
    granted = boot_clock::now();
    if (got) next = got->token();
  });
  ASSERT_TRUE(eventually([&] { return waiters(id) == 1; }));
  std::this_thread::sleep_for(1s);  // it renews
  kill(holder, SIGKILL);
  const auto killed = boot_clock::now();
  waitpid(holder, nullptr, 0);
  rival.join();
  EXPECT_GT(next, token);
  EXPECT_LE(granted - killed, 2s + 10s) << std::chrono::duration_cast<milliseconds>(granted - killed).count() << " ms";
}

TEST_F(LeaseOfThree, IsToldLostBeforeARivalGetsInWhenThePrimaryFreezes) {
  client locks(options("test", 3s)), rivals(options("rival"));
  auto got = mutex(locks, id).try_acquire();
  ASSERT_TRUE(got);
  const canary machine;
  loss told(*got);
  boot_clock::time_point in;
  std::jthread rival([&] {
    auto theirs = mutex(rivals, id).acquire({.timeout = 60s});
    EXPECT_TRUE(theirs);
    in = boot_clock::now();
  });
  ASSERT_TRUE(eventually([&] { return waiters(id) == 1; }));
  {
    const frozen stop(primary());
    EXPECT_TRUE(eventually([&] { return got->lost().stop_requested(); })) << "told while nobody answers";
  }
  rival.join();
  told.expect_before(in, got->valid_until(), machine);
}

}  // namespace
}  // namespace dlock::testing
