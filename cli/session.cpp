#include "session.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <future>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include "environment.hpp"
#include "exit_codes.hpp"
#include "kill_plan.hpp"
#include "process_tree.hpp"
#include "text.hpp"

namespace dlock::cli {

namespace {

using std::chrono::milliseconds;
using time_point = boot_clock::time_point;

constexpr milliseconds cancel_timeout{2000};
constexpr milliseconds now_limit{5000};  // how long a try with -n may take
constexpr milliseconds overtime{1000};   // what a busy machine needs after a deadline

/// /proc must show the descendants of dlock, because dlock may have to kill them later.
session_setup checked(session_setup setup) {
  check_proc();
  check_descriptors(32);  // a set of three locks uses some 15 descriptors, and each further lock two more
  return setup;
}

/// Like the owner names that the library makes, but with the name of the command instead of dlock's own.
std::optional<std::string> describe_ourselves(pid_t id, const std::vector<std::string>& command) {
  std::array<char, 65> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) return std::nullopt;
  const std::string name = command.front().substr(command.front().rfind('/') + 1);
  const std::string who = std::string(host.data()) + ":" + std::to_string(id) + " " + name;
  const bool plain = std::all_of(who.begin(), who.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!plain || who.size() > 200) return std::nullopt;
  return who;
}

std::optional<milliseconds> poll_timeout(std::optional<time_point> limit) {
  if (!limit) return std::nullopt;
  const auto left = std::chrono::ceil<milliseconds>(*limit - boot_clock::now());
  return std::clamp(left, milliseconds(0), milliseconds(3'600'000));
}

guard_setup make_guard_setup(const command_options& options, const session_setup& setup, bool on_terminal,
                             const inherited_signals& inherited) {
  std::vector<std::string> environment = environment_of(setup.ids);
  const std::vector<std::string> place = environment_of(options);
  environment.insert(environment.end(), place.begin(), place.end());
  environment.insert(environment.end(), setup.environment.begin(), setup.environment.end());
  return {.command = options.command,
          .environment = std::move(environment),
          .ttl = options.client.exp_delta,
          .kill_after = options.kill_after,
          .at_most = setup.at_most,
          .on_terminal = on_terminal,
          .many_terms = setup.many_terms,
          .inherited = inherited,
          .title = setup.title};
}

}  // namespace

session::session(const command_options& options, session_setup setup)
    : options_(options),
      setup_(checked(std::move(setup))),
      guard_(setup_.guard ? guard_link(setup_.guard)
                          : guard_link(make_guard_setup(options_, setup_, terminal_.exists(), signals_.inherited()))) {
  // If the guard is killed, its children become children of this process.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
}

answer& session::acquire(const waiting& how) {
  begin_ = boot_clock::now();
  // Destroying the answer of an earlier term may take time. So it is not done on the thread that handles signals.
  const auto past = std::make_shared<std::optional<answer>>(std::exchange(answer_, std::nullopt));
  const auto ask = [past, &how](dlock::client& client, dlock::wait_options options) {
    past->reset();
    return how.ask(client, std::move(options));
  };
  limit_ = how.limit == milliseconds(0) ? now_limit : how.limit;
  const auto deadline = limit_ ? std::optional(begin_ + *limit_) : std::nullopt;
  const auto with = [this, deadline, insists = how.insists] {
    auto all = options_.client_with_url(deadline);
    if (insists) all.operation_timeout = options_.client.operation_timeout;  // so that it soon says what it waits for
    all.who = describe_ourselves(setup_.shown != 0 ? setup_.shown : getpid(), options_.command);
    return all;
  };
  attempt_setup setup{.client = with,
                      .ids = setup_.ids,
                      .ask = ask,
                      .nonblock = how.limit == milliseconds(0),
                      .deadline = deadline,
                      .verbose = options_.verbose,
                      .insists = how.insists};
  attempt attempt(client_, std::move(setup));
  answer_ = wait(attempt, how);
  if (answer_->held && options_.verbose) say_what_was_got();
  return *answer_;
}

/// Ends the wait. The thread that acquires may still be running.
void session::give_up(int signal) {
  if (signal != 0) die_of(signal);
  if (unwanted_) _exit(exit_failed);
  if (guard_dead_) {
    complain("gave up waiting for " + setup_.what + ": the guard process of this dlock was killed; start dlock again");
  } else {
    complain(
        "no answer from the server within " + in_seconds(*limit_) + ", so " + setup_.what +
        " was not acquired; check that the server runs and that the URL is right, or give it more time with --wait");
  }
  _exit(exit_failed);
}

std::optional<answer> session::wait(attempt& attempt, const waiting& how) {
  // The library has this deadline, too, and its error says more. But reading the URL from a file does not have it, and
  // a try does not have it.
  std::optional<time_point> deadline;
  if (limit_) deadline = begin_ + *limit_;
  std::optional<time_point> patience;  // how long to wait for a cancelled attempt
  int signal = 0;
  // Acquiring keeps the deadline itself. But the check between (whether a dlock around this one holds the lock) does
  // not.
  const auto bound = [&]() -> std::optional<time_point> {
    if (patience || !deadline) return std::nullopt;
    return *deadline + (attempt.is_connecting() || how.limit == milliseconds(0) ? overtime / 2 : 5 * overtime);
  };
  for (;;) {
    std::array<pollfd, 4> fds{{{.fd = attempt.fd(), .events = POLLIN, .revents = 0},
                               {.fd = signals_.fd(), .events = POLLIN, .revents = 0},
                               {.fd = guard_dead_ ? -1 : guard_.fd(), .events = POLLIN, .revents = 0},
                               {.fd = unwanted_ ? -1 : setup_.unwanted, .events = POLLIN, .revents = 0}}};
    signals_.poll(fds, poll_timeout(patience ? patience : bound()));
    if (fds[0].revents != 0) break;
    const auto received = signals_.take();
    if (received && is_job_control(received->number)) {
      stop_by(received->number);
      continue;
    }
    if (fds[2].revents != 0) drain_guard();
    if (fds[3].revents != 0) unwanted_ = true;
    const auto limit = bound();
    const bool late = limit && boot_clock::now() >= *limit;
    if (received || late || ((guard_dead_ || unwanted_) && !patience)) {
      if (attempt.cancel() || signal != 0) give_up(received ? received->number : 0);
      signal = received ? received->number : 0;
      patience = boot_clock::now() + cancel_timeout;
    }
    if (patience && boot_clock::now() >= *patience) give_up(signal);
  }
  if (!patience) return attempt.take();
  try {
    answer_ = attempt.take();
    if (answer_ && answer_->held) (void)held().release({}, cancel_timeout);
  } catch (const std::exception&) {  // the lock becomes free when its lease expires
  }
  leave();
  give_up(signal);
}

/// While dlock waits, the guard has nothing to report, except perhaps the end of an earlier term.
void session::drain_guard() {
  try {
    while (guard_.take()) {
    }
  } catch (const failure&) {
    guard_dead_ = true;
  }
}

void session::say_what_was_got() const {
  const std::vector<grant> grants = answer_->held->grants();
  const std::string after = " after " + in_seconds(waited());
  if (grants.size() == 1) {
    remark("got " + in_quotes(grants.front().id) + after + ", token " + std::to_string(grants.front().token));
    return;
  }
  std::string line = "got";
  for (const grant& each : grants) {
    line +=
        (&each == &grants.front() ? " " : ", ") + in_quotes(each.id) + " (token " + std::to_string(each.token) + ")";
  }
  remark(line + after);
}

/// If the user gave a time limit, the command must not start later than that. It could, if dlock or the machine was
/// stopped.
void session::check_in_time() {
  if (!limit_ || waited() <= *limit_ + overtime) return;
  try {
    (void)held().release({}, cancel_timeout);
  } catch (const dlock::error&) {  // the lock becomes free when its lease expires
  }
  throw failure("got " + setup_.what + " too late, after " + in_seconds(waited()) + " instead of the " +
                in_seconds(*limit_) + " that it may take; " + setup_.words.not_begun + ", and the lock was released");
}

ending session::run() {
  return run(
      [this](guard_link& guard, holding& held) { return supervise(guard, signals_, held, options_, setup_.at_most); });
}

ending session::run(const std::function<ending(guard_link& guard, holding& held)>& work) {
  // After a slow answer, the rest of the lease may be too short to start the command. The first renewal decides.
  while (held().held() && held().valid_for() <= options_.kill_after + kill_reserve(options_.client.exp_delta)) {
    check_in_time();
    poll(nullptr, 0, 5);
  }
  check_in_time();
  started_ = boot_clock::now();
  took_.reset();
  try {
    const ending end = work(guard_, held());
    took_ = std::chrono::duration_cast<milliseconds>(boot_clock::now() - started_);
    return end;
  } catch (const failure&) {
    give_back();
    throw;
  }
}

void session::leave() {
  guard_.finish();
  if (!client_) return;
  const auto left = std::make_shared<std::promise<void>>();
  try {
    std::thread([this, left] {
      client_->close();
      left->set_value();
    }).detach();
  } catch (const std::system_error&) {  // no thread can be created; perhaps there are too many processes
    return;
  }
  left->get_future().wait_for(farewell_);
}

}  // namespace dlock::cli
