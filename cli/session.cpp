#include "session.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "environment.hpp"
#include "exit_codes.hpp"
#include "kill_plan.hpp"
#include "text.hpp"

namespace dlock::cli {

namespace {

using std::chrono::milliseconds;
using time_point = boot_clock::time_point;

constexpr milliseconds cancel_timeout{2000};

/// The processes that descend from dlock must be known (and killed, one day).
session_setup checked(session_setup setup) {
  if (access("/proc/self/stat", R_OK) != 0) throw failure("cannot read /proc; mount it, dlock needs it");
  return setup;
}

/// Like the descriptions that the library makes, but with the name of the command instead of dlock's own.
std::optional<std::string> describe_ourselves(const std::vector<std::string>& command) {
  std::array<char, 65> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) return std::nullopt;
  const std::string name = command.front().substr(command.front().rfind('/') + 1);
  const std::string who = std::string(host.data()) + ":" + std::to_string(getpid()) + " " + name;
  const bool plain = std::all_of(who.begin(), who.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!plain || who.size() > 200) return std::nullopt;
  return who;
}

int poll_timeout(std::optional<time_point> limit) {
  if (!limit) return -1;
  const auto left = std::chrono::ceil<milliseconds>(*limit - boot_clock::now());
  return static_cast<int>(std::clamp<milliseconds::rep>(left.count(), 0, 3'600'000));
}

/// Ends the wait; the thread that acquires may still be at it.
[[noreturn]] void give_up(int signal) {
  if (signal != 0) die_of(signal);
  complain("the guard process was killed; gave up waiting");
  _exit(exit_failed);
}

guard_setup make_guard_setup(const command_options& options, const session_setup& setup, bool on_terminal,
                             const inherited_signals& inherited) {
  std::vector<std::string> environment = environment_of(setup.ids);
  environment.insert(environment.end(), setup.environment.begin(), setup.environment.end());
  return {.command = options.command,
          .environment = std::move(environment),
          .ttl = options.client.exp_delta,
          .kill_after = options.kill_after,
          .on_terminal = on_terminal,
          .many_terms = setup.many_terms,
          .inherited = inherited,
          .title = setup.title};
}

}  // namespace

session::session(const command_options& options, session_setup setup)
    : options_(options),
      setup_(checked(std::move(setup))),
      guard_(make_guard_setup(options_, setup_, terminal_.exists(), signals_.inherited())) {
  // If the guard is killed, what it leaves comes to us.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
}

answer& session::acquire(const waiting& how) {
  begin_ = boot_clock::now();
  // What an earlier term left may take its time to go: not on the thread that heeds signals.
  const auto past = std::make_shared<std::optional<answer>>(std::exchange(answer_, std::nullopt));
  const auto ask = [past, &how](dlock::client& client, dlock::wait_options options) {
    past->reset();
    return how.ask(client, std::move(options));
  };
  const auto with = [this] {
    auto all = options_.client_with_url();
    all.who = describe_ourselves(options_.command);
    return all;
  };
  attempt_setup setup{.client = with,
                      .ids = setup_.ids,
                      .ask = ask,
                      .nonblock = how.limit == milliseconds(0),
                      .deadline = {},
                      .verbose = options_.verbose,
                      .insists = how.insists};
  if (how.limit > milliseconds(0)) setup.deadline = begin_ + *how.limit;
  attempt attempt(client_, std::move(setup));
  answer_ = wait(attempt, how);
  if (answer_->held && options_.verbose) say_what_was_got();
  return *answer_;
}

std::optional<answer> session::wait(attempt& attempt, const waiting& how) {
  std::optional<time_point> deadline;  // of the answer
  if (how.limit > milliseconds(0)) deadline = begin_ + *how.limit;
  std::optional<time_point> patience;  // until a cancelled attempt is over
  int signal = 0;
  for (;;) {
    std::array<pollfd, 3> fds{{{.fd = attempt.fd(), .events = POLLIN, .revents = 0},
                               {.fd = signals_.fd(), .events = POLLIN, .revents = 0},
                               {.fd = guard_dead_ ? -1 : guard_.fd(), .events = POLLIN, .revents = 0}}};
    // Acquiring knows the deadline, connecting does not.
    const auto limit = patience ? patience : attempt.is_connecting() ? deadline : std::nullopt;
    poll(fds.data(), fds.size(), poll_timeout(limit));
    if (fds[0].revents != 0) break;
    const auto received = signals_.take();
    if (received && is_job_control(received->number)) {
      stop_by(received->number);
      continue;
    }
    if (fds[2].revents != 0) drain_guard();
    if (received || (guard_dead_ && !patience)) {
      if (attempt.cancel() || signal != 0) give_up(received ? received->number : 0);
      signal = received ? received->number : 0;
      patience = boot_clock::now() + cancel_timeout;
    }
    if (patience && boot_clock::now() >= *patience) give_up(signal);
    if (!patience && deadline && attempt.is_connecting() && boot_clock::now() >= *deadline) {
      complain("no answer from the server within " + in_seconds(*how.limit) +
               "; check that it runs and that the URL is right, or give it more time with --wait");
      _exit(exit_failed);  // the thread that connects would keep us waiting
    }
  }
  if (!patience) return attempt.take();
  try {
    answer_ = attempt.take();
    if (answer_ && answer_->held) (void)held().release({}, cancel_timeout);
  } catch (const std::exception&) {  // it runs out with its lease
  }
  leave();
  give_up(signal);
}

/// It has nothing to report while we wait; at most the end of an earlier term.
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
    remark("got " + quoted(grants.front().id) + after + ", token " + std::to_string(grants.front().token));
    return;
  }
  std::string line = "got";
  for (const grant& each : grants) {
    line += (&each == &grants.front() ? " " : ", ") + quoted(each.id) + " (token " + std::to_string(each.token) + ")";
  }
  remark(line + after);
}

ending session::run() {
  // After a slow answer too little may be left of the lease to begin with: the first renewal will tell.
  while (held().held() && held().valid_for() <= options_.kill_after + kill_reserve(options_.client.exp_delta))
    poll(nullptr, 0, 5);
  try {
    return supervise(guard_, signals_, held(), options_);
  } catch (const failure&) {
    give_back();
    throw;
  }
}

void session::leave() {
  guard_.finish();
  if (!client_) return;
  const auto left = std::make_shared<std::promise<void>>();
  std::thread([this, left] {
    client_->close();
    left->set_value();
  }).detach();
  left->get_future().wait_for(farewell_);
}

}  // namespace dlock::cli
