#pragma once

#include <sys/types.h>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include <dlock/clock.hpp>

#include "fd.hpp"
#include "process_tree.hpp"
#include "signals.hpp"

// The guard: a small process between dlock and the command that knows when the lease ends. It ends the command and all
// its descendants by then, even if dlock itself is killed or frozen, and does nothing else: one thread, no I/O but its
// link to dlock. It is in a process group of its own, out of the way of the terminal's signals and of `kill -9 --
// -GROUP`.
//
//     dlock ──link── guard ── command ── ...          (and on a terminal: guard ── witness, see witness.hpp)

namespace dlock::cli {

/// Where main's arguments lie; `ps` shows what is written over them.
struct process_title {
  char* begin = nullptr;
  std::size_t size = 0;
};

struct guard_setup {
  std::vector<std::string> command;
  std::vector<std::string> environment;  ///< "NAME=value", what is known of it before there is a lease.
  std::chrono::milliseconds ttl;
  std::chrono::milliseconds kill_after;
  bool on_terminal = false;  ///< The command then stays in dlock's process group.
  bool many_terms = false;   ///< The command may be started again, and needs the standard streams again.
  inherited_signals inherited;
  process_title title;
};

/// From dlock to the guard.
struct order {
  enum class kind : int {
    start,
    lease_until,
    forward,              ///< Unless the witness has seen it, see witness.hpp.
    forward_in_any_case,  ///< Once too often rather than never.
    forget,               ///< The whole job has had it. The witness must not take it for a later one.
    lost,
    finish,
  };
  kind what;
  /// start, lease_until: the end of the lease on boot_clock. forward..., forget: the signal.
  std::int64_t number = 0;
  // After a start follows what else belongs in the command's environment, each "NAME=value" with a NUL.
};

/// From the guard to dlock.
struct report {
  enum class kind : int {
    started,       ///< number: the command's process id.
    not_started,   ///< number: fork's errno.
    not_executed,  ///< number: exec's errno.
    stopped,       ///< On a terminal: by the job control signal `number`.
    ended,         ///< number: as waitpid has it.
    ending,        ///< TERM was sent; number: 1 if dlock asked for it (lost), 0 because the lease nears its end.
    gone,          ///< After `ending`: all have ended, but for `number` that could not be killed.
  };
  kind what;
  int number = 0;
};

/// The longest environment that start() takes.
inline constexpr std::size_t environment_limit = 32768;

/// dlock's end. If it closes before finish(), the guard ends whatever is left of the command, and then itself.
class guard_link {
 public:
  /// Forks the guard. To be called while there is only one thread.
  explicit guard_link(const guard_setup& setup);

  // Orders reach the guard in this order, and none is lost: what the kernel does not take now (the guard is stopped, or
  // there is no memory) waits for flush(). Throw failure if an order can never be sent.

  /// Not again before the report that the one before is `gone`, and without survivors.
  void start(boot_clock::time_point lease_end, const std::vector<std::string>& environment);
  void lease_until(boot_clock::time_point end);
  void forward(int signal, bool in_any_case);
  void forget(int signal);
  void lost();
  /// The command has ended: the guard has done its duty. Waits for up to a second for the kernel to take the order.
  void finish();

  /// Sends what could not be sent before. To be called from time to time.
  void flush();
  /// Whether there are orders that the guard has not read.
  [[nodiscard]] bool is_behind() const;
  /// Continues a guard that somebody stopped.
  void wake() const;

  /// Descendants of dlock that have nothing to do with the command: they were there before. Their later ones belong to
  /// them, unless a parent in between ended: then nothing tells them from the command's if the guard is killed.
  [[nodiscard]] const std::vector<process>& strangers() const noexcept { return strangers_; }

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  /// The next report, none if there is none yet. Throws failure if the guard is dead.
  [[nodiscard]] std::optional<report> take();

 private:
  void send(const order& what, const std::string& tail = {});
  std::vector<process> strangers_ = inherited_descendants();
  unique_fd fd_;
  pid_t pid_ = 0;
  std::deque<std::string> unsent_;
};

/// The guard's main function.
void guard_main(unique_fd link, const guard_setup& setup);

}  // namespace dlock::cli
