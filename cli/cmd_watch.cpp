#include "verbs.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

#include <dlock/dlock.hpp>

#include "arguments.hpp"
#include "event_line.hpp"
#include "exit_codes.hpp"
#include "fd.hpp"
#include "output.hpp"
#include "signals.hpp"
#include "text.hpp"
#include "values.hpp"

namespace dlock::cli {

namespace {

std::vector<option> option_table(watch_options& out, connection_arguments& connection) {
  return connection.table(
      {{0, "json", "", "", "print one JSON object a line", [&](const std::string&) { out.json = true; }}});
}

}  // namespace

watch_options parse_watch(const std::vector<std::string>& arguments) {
  watch_options out;
  connection_arguments connection(out);
  operands operands = parse_arguments("watch", option_table(out, connection), arguments, SIZE_MAX);
  if (out.help) return out;
  for (std::string& id : operands.leading) {
    check_id(id);
    out.ids.insert(std::move(id));
  }
  connection.finish();
  return out;
}

manual watch_manual() {
  watch_options out;
  connection_arguments connection(out);
  return {
      .verb = "watch",
      .operands = "[OPTIONS] [ID...]",
      .summary = "print an event whenever a lock is locked or unlocked",
      .usages = {"[OPTIONS] [ID...]"},
      .intro = "Prints an event whenever one of the locks ID is locked or unlocked. Without ID: any lock.\n",
      .options = option_table(out, connection),
      .notes =
          std::string(help_on_servers) +
          "\n"
          "A 'gap' means that events may have been missed. A lease that expires causes no event. A signal ends dlock\n"
          "as if dlock did not catch it: a shell says 130 after Ctrl-C.\n",
      .statuses = {{"0", "nobody reads the output any more"}, {"125", "dlock itself failed"}},
  };
}

namespace {

using std::chrono::milliseconds;
using state = dlock::notification_status::state;

/// Three threads. This one handles signals and notices when the reader of stdout is gone, one connects, and the
/// library's thread calls print(). Only this one ends the process.
class watch_command {
 public:
  explicit watch_command(watch_options options) : options_(std::move(options)), wake_(eventfd(0, EFD_CLOEXEC)) {
    if (!wake_) throw failure(std::string("cannot create an eventfd: ") + std::strerror(errno));
  }

  /// Ends by _exit: the connection may be in the middle of an operation, and the destructors of the driver take half a
  /// second.
  [[noreturn]] void run() {
    std::thread([this] { open(); }).detach();
    for (;;) {
      std::array<pollfd, 3> fds{{{.fd = wake_.get(), .events = POLLIN, .revents = 0},
                                 {.fd = signals_.fd(), .events = POLLIN, .revents = 0},
                                 // no event is asked for: poll reports only that the reader is gone
                                 {.fd = STDOUT_FILENO, .events = 0, .revents = 0}}};
      constexpr int look_at_notifications = 200;
      poll(fds.data(), fds.size(), is_open_ ? look_at_notifications : -1);
      if (const auto received = signals_.take()) die_of(received->number);
      if (fds[2].revents != 0) _exit(exit_ok);
      if (fds[0].revents != 0) on_wake();
      if (is_open_) report_trouble();
    }
  }

 private:
  /// Runs on a thread of its own.
  void open() {
    const auto begin = dlock::boot_clock::now();
    try {
      client_.emplace(options_.client_with_url());
      const auto callback = [this](const dlock::lock_event& event) { print(event); };
      // For several ids there is only one subscription: it keeps the order, and one gap is reported once.
      subscription_ = options_.ids.size() == 1 ? client_->subscribe(*options_.ids.begin(), callback)
                                               : client_->subscribe_all(callback);
      const milliseconds patience = client_->options().connect_timeout;
      const auto left = std::chrono::ceil<milliseconds>(begin + patience - dlock::boot_clock::now());
      if (subscription_.wait_until_open(std::max(left, milliseconds(100)))) {
        ready_ = true;
      } else {
        const std::string problem = client_->notifications().problem;
        error_ = "cannot watch: no contact with the notification channel within " + in_seconds(patience) +
                 (problem.empty() ? "" : ": " + problem) + "; check --notif_url and the user's rights there";
      }
    } catch (const std::exception& problem) {
      error_ = problem.what();
    }
    opened_ = true;
    eventfd_write(wake_.get(), 1);
  }

  /// Runs on a thread of the library. Waits for a slow reader. The library then reports that events were missed.
  void print(const dlock::lock_event& event) {
    const bool all = options_.ids.empty() || event.what == dlock::lock_event::kind::gap;
    if (write_error_ != 0 || (!all && !options_.ids.contains(event.id))) return;
    const int problem = write_out(options_.json ? event_json(event) : event_line(event));
    if (problem == 0) return;
    write_error_ = problem;
    eventfd_write(wake_.get(), 1);
  }

  void on_wake() {
    eventfd_t count = 0;
    eventfd_read(wake_.get(), &count);
    if (const int problem = write_error_) {
      if (problem == EPIPE) _exit(exit_ok);
      complain(std::string("cannot write to standard output: ") + std::strerror(problem));
      _exit(exit_failed);
    }
    if (!opened_ || is_open_) return;
    if (!ready_) {
      complain(error_);
      _exit(exit_failed);
    }
    is_open_ = true;
    if (options_.verbose) remark("watching");
  }

  void report_trouble() {
    const dlock::notification_status now = client_->notifications();
    const bool failing = now.now == state::failing;
    if (failing == std::exchange(failing_, failing)) return;
    remark(failing ? "events do not come at the moment: " + now.problem + "; trying again" : "events come again");
  }

  watch_options options_;
  signals signals_{false};  // created before any thread starts
  unique_fd wake_;

  std::optional<dlock::client> client_;
  dlock::subscription subscription_;
  bool ready_ = false;  // if false, error_ says why. Both are read only after opened_ is set
  std::string error_;
  std::atomic<bool> opened_ = false;
  std::atomic<int> write_error_ = 0;

  bool is_open_ = false;
  bool failing_ = false;
};

}  // namespace

int cmd_watch(const std::vector<std::string>& arguments, process_title) {
  watch_options options = parse_watch(arguments);
  if (options.help) return print_and_return(exit_ok, help_text(watch_manual()));
  const bool unread = fcntl(STDOUT_FILENO, F_GETFD) == -1;
  if (unread) return exit_ok;
  fill_standard_streams();
  watch_command(std::move(options)).run();
}

}  // namespace dlock::cli
