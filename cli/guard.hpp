#pragma once

#include <sys/types.h>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <dlock/clock.hpp>

#include "fd.hpp"
#include "process_tree.hpp"
#include "signals.hpp"

// The guard is a small process between dlock and the command. It knows when the lease ends, and it ends the command and
// all its descendants by then, even if dlock itself is killed or frozen. It does nothing else: it has one thread, and
// no I/O except its link to dlock. It is in a process group of its own, so that signals from the terminal and `kill -9
// -- -GROUP` do not reach it.
//
//     dlock ──link── guard ── command ── ...          (and on a terminal: guard ── witness, see witness.hpp)

namespace dlock::cli {

/// Where main's arguments are in memory. `ps` shows what is written over them.
struct process_title {
  char* begin = nullptr;
  std::size_t size = 0;
};

struct guard_setup {
  std::vector<std::string> command;
  std::vector<std::string> environment;  ///< "NAME=value": the part that is known before there is a lease.
  std::chrono::milliseconds ttl;
  std::chrono::milliseconds kill_after;
  std::optional<std::chrono::milliseconds> at_most;  ///< The command is ended after this time.
  bool on_terminal = false;                          ///< If so, the command stays in dlock's process group.
  bool many_terms = false;  ///< The command may be started again. Then it needs the standard streams again.
  inherited_signals inherited;
  process_title title;
};

/// A message from dlock to the guard.
struct order {
  enum class kind : int {
    start,
    lease_until,
    forward,              ///< Not if the witness has seen the signal, see witness.hpp.
    forward_in_any_case,  ///< Even if the witness has seen it: twice is better than never.
    forget,               ///< The whole job has received the signal. The witness must not take it for a later one.
    lost,
    finish,
  };
  kind what;
  /// start, lease_until: the end of the lease on boot_clock. forward, forward_in_any_case, forget: the signal.
  std::int64_t number = 0;
  // After a start, more variables for the command's environment follow, each as "NAME=value" with a NUL.
};

/// A message from the guard to dlock.
struct report {
  enum class kind : int {
    started,       ///< number: the process id of the command.
    not_started,   ///< number: the errno of fork.
    not_executed,  ///< number: the errno of exec.
    stopped,       ///< On a terminal: stopped by the job control signal `number`.
    ended,         ///< number: the status from waitpid.
    ending,        ///< TERM was sent. number: why, an ending_cause.
    gone,          ///< After `ending`: all processes have ended, except `number` that could not be killed.
  };
  kind what;
  int number = 0;
};

/// Why the guard ends the command.
enum ending_cause : int {
  lease_nears_its_end = 0,
  dlock_said_lost = 1,
  time_is_over = 2,  ///< guard_setup::at_most
};

/// The longest environment that start() takes.
inline constexpr std::size_t environment_limit = 32768;

/// dlock's end of the link. If it closes before finish(), the guard ends what is left of the command, and then itself.
class guard_link {
 public:
  /// Forks the guard. Call it while there is only one thread.
  explicit guard_link(const guard_setup& setup);
  /// Forks another guard, whose main function is `body`.
  explicit guard_link(const std::function<void(unique_fd link)>& body);

  // Orders reach the guard in the order in which they are sent, and none is lost. An order that the kernel does not
  // accept now (the guard is stopped, or there is no memory) waits for flush(). These functions throw failure if an
  // order can never be sent.

  /// Do not call it again before the report `gone` of the previous command has come, without survivors.
  void start(boot_clock::time_point lease_end, const std::vector<std::string>& environment);
  void lease_until(boot_clock::time_point end);
  void forward(int signal, bool in_any_case);
  void forget(int signal);
  void lost();
  /// The command has ended and the guard is not needed any more. Waits up to a second until the kernel accepts the
  /// order.
  void finish();

  /// Sends what could not be sent before. Call it from time to time.
  void flush();
  /// Whether there are orders that the guard has not read yet.
  [[nodiscard]] bool is_behind() const;
  /// Continues a guard that somebody has stopped.
  void wake() const;

  /// Descendants of dlock that do not belong to the command, because they existed before it. Their later descendants
  /// belong to them, too, unless a parent in between has ended. In that case, if the guard is killed, nothing
  /// distinguishes these from the command's descendants.
  [[nodiscard]] const std::vector<process>& strangers() const noexcept { return strangers_; }

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  /// The next report. Returns nothing if there is none yet. Throws failure if the guard is dead.
  [[nodiscard]] std::optional<report> take();

 private:
  void send(const order& what, const std::string& tail = {});
  std::vector<process> strangers_ = inherited_descendants();
  unique_fd fd_;
  pid_t pid_ = 0;
  std::deque<std::string> unsent_;
};

/// The main function of the guard.
void guard_main(unique_fd link, const guard_setup& setup);

}  // namespace dlock::cli
