#include <gtest/gtest.h>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <fstream>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "fd.hpp"
#include "guard.hpp"
#include "process_tree.hpp"
#include "script.hpp"
#include "script_tree.hpp"
#include "text.hpp"

// What needs real processes, and no lock.

namespace dlock::cli {
namespace {

using namespace std::chrono_literals;

bool soon(const std::function<bool()>& condition) {
  const auto deadline = boot_clock::now() + 30s;
  while (!condition()) {
    if (boot_clock::now() > deadline) return false;
    sched_yield();
  }
  return true;
}

char state_of(pid_t id) {
  std::ifstream file("/proc/" + std::to_string(id) + "/stat");
  std::string text;
  std::getline(file, text);
  const auto end = text.rfind(") ");
  return end == std::string::npos ? ' ' : text[end + 2];
}

class Guard : public testing::Test {
 protected:
  guard_setup setup{.command = {},
                    .environment = {},
                    .ttl = 60s,
                    .kill_after = 1s,
                    .on_terminal = false,
                    .many_terms = true,
                    .inherited = {},
                    .title = {}};

  void SetUp() override {
    sigemptyset(&setup.inherited.mask);
    setup.inherited.on_child.sa_handler = SIG_DFL;
  }

  static void start(guard_link& guard) { guard.start(boot_clock::now() + 60s, {}); }

  static std::optional<report> next(guard_link& guard) {
    std::optional<report> found;
    pollfd ready{.fd = guard.fd(), .events = POLLIN, .revents = 0};
    for (int round = 0; !found && round < 3000; ++round) {
      guard.flush();
      poll(&ready, 1, 10);
      found = guard.take();
    }
    return found;
  }

  static std::optional<int> number_of(guard_link& guard, report::kind what) {
    while (const auto news = next(guard)) {
      if (news->what == what) return news->number;
    }
    return std::nullopt;
  }
};

TEST_F(Guard, ObeysEveryOrderAfterItWasStopped) {
  setup.command = {"true"};
  guard_link guard(setup);
  pid_t id = 0;
  ASSERT_TRUE(soon([&] {
    const auto found = descendants();
    id = found.size() == 1 ? found.front().id : 0;
    return id != 0;
  }));
  kill(id, SIGSTOP);
  ASSERT_TRUE(soon([&] { return is_stopped(id); }));
  for (int i = 0; i < 1000; ++i) guard.forget(SIGTERM);  // more than the kernel keeps
  start(guard);
  EXPECT_TRUE(guard.is_behind());
  EXPECT_FALSE(guard.take());
  guard.wake();
  EXPECT_EQ(number_of(guard, report::kind::ended), 0);
  EXPECT_FALSE(guard.is_behind());
  guard.finish();
  EXPECT_EQ(waitpid(id, nullptr, 0), id);
}

TEST_F(Guard, OneWithoutMemoryEndsAndDlockIsTold) {
  guard_link guard([](const unique_fd&) { throw std::bad_alloc(); });
  EXPECT_THROW((void)next(guard), failure);
  int status = 0;
  ASSERT_GT(wait(&status), 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 125) << "it does not go on with this test";
}

TEST_F(Guard, AStartThatCanNeverBeSentIsRefused) {
  setup.command = {"true"};
  guard_link guard(setup);
  const int least = 1;
  setsockopt(guard.fd(), SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
  EXPECT_THROW(guard.start(boot_clock::now() + 60s, {"DLOCK_ID=" + std::string(30'000, 'x')}), failure);
  start(guard);
  EXPECT_EQ(number_of(guard, report::kind::ended), 0);
  guard.finish();
  wait(nullptr);
}

TEST_F(Guard, NoReportIsLostAlthoughNobodyReads) {
  setup.command = {"sh", "-c", "i=0; while [ $i -lt 400 ]; do i=$((i+1)); kill -TSTP $$; done; exit 7"};
  setup.on_terminal = true;  // only then a stop is reported
  guard_link guard(setup);
  start(guard);
  const auto command = number_of(guard, report::kind::started);
  ASSERT_TRUE(command);
  ASSERT_TRUE(soon([&] {
    if (is_stopped(*command)) kill(*command, SIGCONT);
    return state_of(*command) == ' ';  // reaped
  }));
  const auto status = number_of(guard, report::kind::ended);
  ASSERT_TRUE(status);
  EXPECT_EQ(WEXITSTATUS(*status), 7);
  guard.finish();
  wait(nullptr);
}

TEST(ProcessTree, AProcessLivesAsLongAsOneOfItsThreads) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t id = fork();
  if (id == 0) {
    close(ends[1]);
    std::thread([in = ends[0]] {
      char nothing{};
      (void)!read(in, &nothing, 1);  // until the test closes its end
      _exit(0);
    }).detach();
    syscall(SYS_exit, 0);  // this thread alone
  }
  close(ends[0]);
  ASSERT_TRUE(soon([&] { return state_of(id) == 'Z'; }));
  const auto is_it = [id](const process& each) { return each.id == id; };
  const auto alive = descendants();
  EXPECT_TRUE(std::any_of(alive.begin(), alive.end(), is_it));
  close(ends[1]);
  siginfo_t ended{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(id), &ended, WEXITED | WNOWAIT), 0);
  const auto left = descendants();
  EXPECT_FALSE(std::any_of(left.begin(), left.end(), is_it));
  waitpid(id, nullptr, 0);
}

/// A child that executes `program` when the test says so, and then sleeps.
class Child {
 public:
  Child() {
    EXPECT_EQ(pipe(ends_), 0);
    id_ = fork();
    if (id_ == 0) {
      close(ends_[1]);
      char nothing{};
      (void)!read(ends_[0], &nothing, 1);
      execlp("sleep", "sleep", "600", nullptr);
      _exit(127);
    }
    close(ends_[0]);
  }
  ~Child() {
    kill(id_, SIGKILL);
    waitpid(id_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void execute() const { close(ends_[1]); }
  [[nodiscard]] process seen() const { return look_at(id_).value_or(process{}); }

 private:
  int ends_[2]{};
  pid_t id_ = 0;
};

TEST(Script, TheKernelTellsWhoWasOnlyForked) {
  const Child child;
  EXPECT_TRUE(child.seen().forked);
  child.execute();
  EXPECT_TRUE(soon([&] { return !child.seen().forked; }));
}

TEST(Script, Shells) {
  for (const char* file :
       {"/usr/bin/dash", "/bin/bash", "/bin/busybox", "/opt/zsh5", "ksh93", "bash-static", "/usr/bin/bash (deleted)"}) {
    EXPECT_TRUE(is_shell(file)) << file;
  }
  for (const char* file : {"", "/usr/bin/sudo", "/usr/bin/sh/timeout", "/usr/bin/python3", "/usr/bin/shuf", "make"}) {
    EXPECT_FALSE(is_shell(file)) << file;
  }
}

TEST(Script, AProcessThatHasEndedIsNoneToHoldFor) {
  const pid_t id = fork();
  if (id == 0) _exit(0);
  EXPECT_TRUE(soon([&] { return state_of(id) == 'Z'; }));
  EXPECT_THROW((void)script_of(id), failure);
  waitpid(id, nullptr, 0);
  EXPECT_THROW((void)script_of(id), failure);
  EXPECT_THROW((void)script_of(1), failure);
}

TEST(Script, TheEndOfAProcessIsReadable) {
  auto child = std::make_unique<Child>();
  const script found = script_of(child->seen().id);
  pollfd life{.fd = found.life.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&life, 1, 0), 0);
  child.reset();
  EXPECT_EQ(poll(&life, 1, 30'000), 1);
}

/// A script in a session of its own, whose child leaves a child of its own behind when it gets TERM.
TEST(ScriptTree, RemembersOrphansThatItHasSeen) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t id = fork();
  if (id == 0) {
    setsid();
    close(ends[0]);
    const std::string stay = "setsid sh -c 'trap \"\" TERM; echo $$; exec >&-; while :; do sleep 0.05; done' & wait";
    dup2(ends[1], STDOUT_FILENO);
    close(ends[1]);
    execlp("sh", "sh", "-c", stay.c_str(), nullptr);
    _exit(127);
  }
  close(ends[1]);
  std::string said;
  for (char c = 0; read(ends[0], &c, 1) == 1 && c != '\n';) said += c;
  close(ends[0]);
  const pid_t orphan = std::stoi(said);
  script_tree tree(look_at(id).value_or(process{}));
  tree.terminate(boot_clock::time_point::max());
  int status = 0;
  ASSERT_EQ(waitpid(id, &status, 0), id);
  EXPECT_EQ(WTERMSIG(status), SIGTERM);
  EXPECT_FALSE(tree.is_gone(boot_clock::time_point::max()));
  EXPECT_TRUE(look_at(orphan));
  EXPECT_GE(tree.stop_and_kill().reached, 1);
  EXPECT_TRUE(soon([&] { return tree.is_gone(boot_clock::time_point::max()); }));
  EXPECT_FALSE(look_at(orphan));
}

TEST(ScriptTree, AWalkThatIsCutProvesNothing) {
  auto child = std::make_unique<Child>();
  child->execute();
  script_tree tree(child->seen());
  const auto over = boot_clock::now();
  EXPECT_LE(all_processes(over).size(), 1U);
  EXPECT_FALSE(tree.is_gone(boot_clock::time_point::max()));
  child.reset();
  EXPECT_FALSE(tree.is_gone(over)) << "it may have left somebody behind";
  EXPECT_TRUE(tree.is_gone(boot_clock::time_point::max()));
}

TEST(ScriptTree, AWalkThatIsCutStillEndsThoseThatAreKnown) {
  const pid_t id = fork();
  if (id == 0) {
    for (;;) pause();
  }
  script_tree tree(look_at(id).value_or(process{}));
  tree.terminate(boot_clock::now());
  int status = 0;
  ASSERT_EQ(waitpid(id, &status, 0), id);
  EXPECT_EQ(WTERMSIG(status), SIGTERM);
}

/// As a kernel that does not know this system call.
void forget_system_call(unsigned number) {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program{.len = 4, .filter = rules};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    _exit(77);
  }
}

int open_descriptors_after_close_from(bool old_kernel) {
  const pid_t id = fork();
  if (id == 0) {
    const int null = open("/dev/null", O_RDWR);
    for (const int fd : {3, 4, 9, 200}) dup2(null, fd);
    if (old_kernel) forget_system_call(SYS_close_range);
    close_from(4);
    int count = 0;
    for (int fd = 3; fd < 1024; ++fd) count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    _exit(count);
  }
  int status = 0;
  waitpid(id, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(CloseFrom, ClosesAllOnOldKernelsToo) {
  EXPECT_EQ(open_descriptors_after_close_from(false), 1);
  const int left = open_descriptors_after_close_from(true);
  if (left == 77) GTEST_SKIP() << "no seccomp here";
  EXPECT_EQ(left, 1);
}

}  // namespace
}  // namespace dlock::cli
