#include "background.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "exit_codes.hpp"
#include "guard_keeper.hpp"
#include "hold_socket.hpp"
#include "kill_plan.hpp"
#include "lock_question.hpp"
#include "script_guard.hpp"
#include "script_tree.hpp"
#include "service_manager.hpp"
#include "session.hpp"
#include "text.hpp"

namespace dlock::cli {

namespace {

/// Readable when one of both is.
unique_fd either(int one, int other) {
  unique_fd both(epoll_create1(EPOLL_CLOEXEC));
  for (const int fd : {one, other}) {
    epoll_event event{.events = EPOLLIN, .data = {}};
    if (epoll_ctl(both.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
      throw failure(std::string("cannot watch the script: ") + std::strerror(errno));
    }
  }
  return both;
}

bool same_file(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/// In `$(dlock hold ... 2>&1)`, stderr is a pipe that the shell reads until nobody has it open. Then messages go to the
/// stderr of the script. A FIFO that nobody reads must not stop us here.
void settle_stderr(const script& script) {
  struct stat ours {};
  if (fstat(STDERR_FILENO, &ours) != 0 || (!S_ISFIFO(ours.st_mode) && !S_ISSOCK(ours.st_mode))) return;
  const std::string streams = "/proc/" + std::to_string(script.who.id) + "/fd/";
  for (const char* const each : {"1", "2"}) {
    struct stat theirs {};
    if (stat((streams + each).c_str(), &theirs) == 0 && same_file(ours, theirs)) return;
  }
  const unique_fd theirs(open((streams + "2").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (theirs) {
    dup2(theirs.get(), STDERR_FILENO);
    fcntl(STDERR_FILENO, F_SETFL, O_APPEND);
  } else {
    detach_streams({STDERR_FILENO});
  }
}

class background {
 public:
  explicit background(background_setup setup)
      : options_(setup.options),
        script_(setup.script),
        tree_(setup.script.who),
        front_(std::move(setup.front)),
        inherited_(std::move(setup.inherited)),
        title_(setup.title),
        unwanted_(either(front_.get(), script_.life.get())) {}

  [[noreturn]] void run() {
    const bool several = options_.ids.size() > 1;
    session session(options_, {.ids = options_.ids,
                               .what = (several ? "one of the locks " : "the lock ") + names(options_.ids),
                               .environment = {},
                               .at_least = options_.at_least,
                               .title = title_,
                               .shown = script_.who.id,
                               .words = {.runs = "the script",
                                         .ended = "the script and its descendants were ended",
                                         .not_begun = "the script did not get it"},
                               .guard = [this](unique_fd link) { become_guard_of_script(std::move(link)); },
                               .unwanted = unwanted_.get()});
    int status = exit_failed;
    try {
      status = hold(session);
    } catch (const failure& problem) {
      complain(problem.what());
    } catch (const std::exception& problem) {
      complain(problem.what());
      if (handed_over_) _exit(status);  // without leave(): so the guard ends the script
    }
    answer_front(status, {});
    if (asker_) say_ended(asker_, status);
    session.leave();
    _exit(status);
  }

  /// If the front still waits.
  void answer_front(int status, const std::string& tokens) const {
    const std::string message = std::string(reinterpret_cast<const char*>(&status), sizeof status) + tokens;
    if (front_) (void)::send(front_.get(), message.data(), message.size(), MSG_NOSIGNAL);
  }

 private:
  void become_guard_of_script(unique_fd link) {
    script_guard_setup setup{.script = script_.who,
                             .life = script_.life.get(),
                             .not_ours = inherited_,
                             .ttl = options_.client.exp_delta,
                             .kill_after = options_.kill_after,
                             .title = title_};
    setup.not_ours.insert(setup.not_ours.end(), {front_.get(), unwanted_.get()});
    script_guard_main(std::move(link), setup);
  }

  int hold(session& session) {
    const auto asking = [this](dlock::client& client, dlock::wait_options wait) {
      manager_.status("waits for " + names(options_.ids));
      return ask_for_locks(client, options_, std::move(wait));
    };
    const answer& got = session.acquire({.ask = asking, .limit = options_.wait});
    if (!got.held) return not_acquired(got, options_, session);
    const ending end = session.run([this](guard_link& guard, holding& held) { return watch(guard, held); });
    if (end.what == ending::kind::lost) manager_.stopping("lost " + names(options_.ids));
    const int status = session.conclude(end);
    if (asker_) manager_.status("gave back " + names(options_.ids));
    return status;
  }

  /// Until the script has ended, or does not need the locks any more, or was ended because they are lost.
  ending watch(guard_link& guard, holding& held) {
    const auto lost = std::make_shared<unique_fd>(eventfd(0, EFD_CLOEXEC));
    if (!*lost) throw failure(std::string("cannot create an eventfd: ") + std::strerror(errno));
    held.on_lost([lost] { eventfd_write(lost->get(), 1); });
    hold_socket questions(script_.who, options_.client, held.grants());

    for (const int fd : inherited_) close(fd);
    settle_stderr(script_);
    guard_keeper keeper(guard, held, options_);
    const std::string tokens = tokens_of(held);
    check_not_lost(held);  // the guard would end the script at once
    keeper.start({});
    handed_over_ = true;
    answer_front(exit_ok, tokens);
    manager_.ready("has " + names(options_.ids) + ", token " + tokens);

    ending_ = {.what = ending::kind::ended, .number = 0, .from_terminal = {}};
    for (bool heeded = false;;) {
      std::array<pollfd, 5> fds{{{.fd = guard.fd(), .events = POLLIN, .revents = 0},
                                 {.fd = heeded ? -1 : lost->get(), .events = POLLIN, .revents = 0},
                                 {.fd = at_work_ ? -1 : script_.life.get(), .events = POLLIN, .revents = 0},
                                 {.fd = front_.get(), .events = POLLIN, .revents = 0},
                                 {.fd = asker_ ? -1 : questions.fd(), .events = POLLIN, .revents = 0}}};
      poll(fds.data(), fds.size(), static_cast<int>(keeper.tick().count()));
      try {
        if (take_reports(guard)) return ending_;
        keeper.look();
        if (fds[1].revents != 0) {
          heeded = true;
          look();
          keeper.lost();
        }
      } catch (const failure&) {
        ending_.number = kill_in_emergency();
        if (ending_.number == 0) throw;
        ending_.what = ending::kind::lost;  // survivors must keep the lock until its lease ends
        return ending_;
      }
      if (keeper.is_overdue(at_work_)) {
        ending_ = {.what = ending::kind::lost, .number = kill_in_emergency(), .from_terminal = {}};
        return ending_;
      }
      bool over = fds[2].revents != 0;
      if (fds[3].revents != 0) over = !is_front_content() || over;
      if (fds[4].revents != 0) {
        if (auto asker = questions.answer()) asker_ = std::move(*asker);
      }
      if ((over || asker_) && !at_work_) {
        guard.finish();
        return ending_;
      }
    }
  }

  void check_not_lost(const holding& held) const {
    const auto needed = options_.kill_after + kill_reserve(options_.client.exp_delta);
    if (held.held() && held.valid_for() > needed) return;
    const std::string loss = held.loss();
    throw failure("lost " + names(options_.ids) +
                  " before the script could get it: " + (loss.empty() ? "dlock was stopped for too long" : loss));
  }

  /// TERM makes orphans. If the guard fails, they can only be killed if they were seen before.
  void look() { tree_.look(boot_clock::now() + std::chrono::milliseconds(250)); }

  /// The guard is dead, or does not do its duty. It may have seen more orphans than this process.
  int kill_in_emergency() {
    const int left = tree_.kill_all();
    return left == 0 && at_work_ ? ending::unknown : left;
  }

  /// Whether the guard has ended the script.
  bool take_reports(guard_link& guard) {
    while (const auto news = guard.take()) {
      if (news->what == report::kind::ending) {
        at_work_ = true;
        look();
      }
      if (news->what != report::kind::gone) continue;
      ending_.what = ending::kind::lost;
      ending_.number = news->number;
      return true;
    }
    return false;
  }

  [[nodiscard]] bool is_front_content() {
    char yes = 0;
    const bool content = recv(front_.get(), &yes, sizeof yes, MSG_DONTWAIT) == static_cast<ssize_t>(sizeof yes);
    front_.reset();
    return content;
  }

  static std::string tokens_of(const holding& held) {
    std::string tokens;
    for (const grant& each : held.grants()) tokens += (tokens.empty() ? "" : " ") + std::to_string(each.token);
    return tokens;
  }

  const hold_options& options_;
  const script& script_;
  script_tree tree_;
  unique_fd front_;
  std::vector<int> inherited_;
  process_title title_;
  unique_fd unwanted_;
  const service_manager manager_{false};
  unique_fd asker_;           // waits for the end, and wants the exit status
  bool handed_over_ = false;  // the script counts on the locks, or will
  bool at_work_ = false;      // the guard has begun to end the script
  ending ending_{};
};

}  // namespace

void hold_in_background(background_setup setup) {
  setsid();  // what is sent to the script's group, or by its terminal, is not for this process
  detach_streams({STDIN_FILENO, STDOUT_FILENO});
  background self(std::move(setup));
  try {
    self.run();
  } catch (const std::exception& problem) {
    complain(problem.what());
    self.answer_front(exit_failed, {});
  }
  _exit(exit_failed);
}

}  // namespace dlock::cli
