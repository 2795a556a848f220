#include "verbs.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <utility>

#include "arguments.hpp"
#include "background.hpp"
#include "exit_codes.hpp"
#include "fd.hpp"
#include "hold_socket.hpp"
#include "lock_arguments.hpp"
#include "output.hpp"
#include "script.hpp"
#include "text.hpp"
#include "values.hpp"

namespace dlock::cli {

namespace {

using std::chrono::milliseconds;

struct raw_hold_options {
  hold_options out;
  command_arguments common{"hold", out, false};
  lock_arguments locks{out, false};
};

std::vector<option> option_table(raw_hold_options& raw) {
  hold_options& out = raw.out;
  std::vector<option> table = raw.locks.table();
  table.push_back(
      {0, "pid", "", "PID",
       "hold for the life of this process. Default: the shell that\nruns the script, not a subshell",
       [&](const std::string& v) { out.pid = static_cast<pid_t>(parse_number("--pid", v, "a process", 1, INT_MAX)); }});
  table.push_back(
      {0, "end", "", "", "give back now what this script holds", [&](const std::string&) { out.end = true; }});
  return raw.common.table(std::move(table));
}

}  // namespace

hold_options parse_hold(const std::vector<std::string>& arguments) {
  raw_hold_options raw;
  hold_options& out = raw.out;
  operands operands =
      parse_arguments("hold", option_table(raw), arguments, [&] { return out.ids.empty() ? std::size_t{1} : 0; });
  if (out.help) return std::move(out);
  raw.locks.finish("hold", std::move(operands.leading));
  raw.common.finish(std::move(operands.rest));
  return std::move(out);
}

manual hold_manual() {
  raw_hold_options raw;
  return {
      .verb = "hold",
      .operands = "[OPTIONS] ID",
      .summary = "hold a lock for the rest of a shell script",
      .usages = {"[OPTIONS] ID", "[OPTIONS] --id ID --id ID...", "--end ID"},
      .intro =
          "Takes the lock ID and returns. A process in the background holds the lock until the script has ended,\n"
          "however it ended. In $(...), or if stdout is redirected, dlock prints the fencing token on stdout:\n"
          "\n"
          "  dlock hold -w 10m deploy || exit\n"
          "  token=$(dlock hold ledger) || exit\n",
      .options = option_table(raw),
      .notes =
          std::string(help_on_commands) + std::string(help_on_servers) +
          "\n"
          "The script is the shell that has started dlock, also from $(...), (...) and a pipeline. In other cases, "
          "name\n"
          "the process: --pid $$ works in every shell script. With several locks, dlock prints all tokens, separated "
          "by\n"
          "blanks. -s, -x, --permits and --take apply to each of the locks. --end gives back the lock, and those that\n"
          "were taken together with it.\n"
          "\n"
          "If the lock is lost, or the process in the background is killed or frozen, the script and its descendants\n"
          "get TERM, then KILL, before anybody else can get the lock. dlock is not their ancestor. So it does not "
          "find\n"
          "a process that has lost its parent and left the script's session before. Use 'dlock run' where this "
          "matters:\n"
          "\n"
          "  [ \"${DLOCK_ID-}\" ] || exec dlock run ID \"$0\" \"$@\"\n"
          "\n"
          "When the script has ended, its background processes go on. They do not keep the lock.\n",
      .statuses = {{"0", "the script holds the lock; --end: it was given back"},
                   {"123", "--end: the lock was lost before"},
                   {"124, or -E", "others hold the lock"},
                   {"125", "dlock itself failed; --end: also if the script does not hold the lock"}},
  };
}

namespace {

/// In `token=$(dlock hold ID)` it is not.
bool is_output_of(const script& script) {
  struct stat ours {};
  struct stat theirs {};
  const std::string stream = "/proc/" + std::to_string(script.who.id) + "/fd/1";
  return !script.is_ksh93 && fstat(STDOUT_FILENO, &ours) == 0 && stat(stream.c_str(), &theirs) == 0 &&
         ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

int end_hold(const script& script, const hold_options& options) {
  const std::string& id = options.ids.front();
  const auto status = end_hold_of(script.who, {.db = options.client.db, .coll = options.client.coll, .id = id},
                                  std::chrono::seconds(15));
  if (!status) {
    throw failure("process " + std::to_string(script.who.id) + " (" + printable(script.name) + ") does not hold " +
                  in_quotes(id) +
                  " by 'dlock hold'; if another process does, name it with --pid, and give the --db and --coll of its "
                  "'dlock hold'");
  }
  return *status;
}

/// Waits for the answer of the process in the background. See background.hpp.
int wait_for_lock(const unique_fd& background, const script& script, const hold_options& options,
                  boot_clock::time_point begin) {
  // The process in the background keeps the limit. This is for one that was stopped.
  std::optional<milliseconds> limit = options.wait;
  if (limit == milliseconds(0)) limit = milliseconds(5000);
  if (limit) {
    const auto patience = std::chrono::ceil<std::chrono::seconds>(*limit) + std::chrono::seconds(10);
    const timeval most{.tv_sec = patience.count(), .tv_usec = 0};
    setsockopt(background.get(), SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
  }
  struct {
    int status;
    std::array<char, 4096> tokens;
  } answer{};
  ssize_t size = 0;
  do {  // with a time-out, it ends with EINTR when this process was stopped and is continued
    size = recv(background.get(), &answer, sizeof answer, 0);
  } while (size < 0 && errno == EINTR);
  if (size < static_cast<ssize_t>(sizeof answer.status)) {
    throw failure(size < 0 ? "its process in the background does not answer, so nothing is held"
                           : "its process in the background was killed, or the script has ended, so nothing is held");
  }
  if (answer.status != exit_ok) return answer.status;
  if (limit && boot_clock::now() - begin > *limit + milliseconds(1000)) {
    throw failure("was stopped for too long, so the lock was given back");
  }
  const std::string tokens(answer.tokens.data(), static_cast<std::size_t>(size) - sizeof answer.status);
  const int status = is_output_of(script) ? exit_ok : print_and_return(exit_ok, tokens + "\n");
  if (status != exit_ok) return status;
  const char yes = 'y';
  if (send(background.get(), &yes, sizeof yes, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof yes)) {
    throw failure("its process in the background was killed, so nothing is held");
  }
  return exit_ok;
}

}  // namespace

int cmd_hold(const std::vector<std::string>& arguments, process_title title) {
  const auto begin = boot_clock::now();
  hold_options options = parse_hold(arguments);
  if (options.help) return print_and_return(exit_ok, help_text(hold_manual()));
  std::vector<int> inherited = descriptors_from(STDERR_FILENO + 1);
  fill_standard_streams();
  std::signal(SIGCHLD, SIG_DFL);
  check_proc();
  const script script = options.pid ? script_of(*options.pid) : find_script();
  if (options.end) return end_hold(script, options);
  options.command = {script.name};

  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    throw failure(std::string("cannot make a socket: ") + std::strerror(errno));
  }
  unique_fd background(ends[0]);
  unique_fd front(ends[1]);
  const pid_t id = fork();
  if (id < 0) throw failure(std::string("cannot start a process: ") + std::strerror(errno));
  if (id == 0) {
    background.reset();
    hold_in_background({.options = options,
                        .script = script,
                        .front = std::move(front),
                        .inherited = std::move(inherited),
                        .title = title});
  }
  front.reset();
  return wait_for_lock(background, script, options, begin);
}

}  // namespace dlock::cli
