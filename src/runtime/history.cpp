// Past runs: commands that are not the engine's, because no lock depends on them.
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "runtime/errors.hpp"
#include "runtime/runtime.hpp"
#include "util/boot_wait.hpp"
#include "util/text.hpp"

namespace dlock::detail {

using protocol::ms;

/// Calls `once` on another thread until there is an answer, for at most `timeout`. The caller does no I/O itself, so
/// that it returns in time, whatever the driver does.
template <typename Answer>
Answer runtime::ask_history(const std::string& doing, ms timeout, std::function<Answer(past_runs&, ms)> once) {
  check_usable(doing);
  if (!past_runs_) throw error(errc::unavailable, doing + ": this client has no history");
  struct slot {
    std::mutex guard;
    std::condition_variable changed;
    std::optional<Answer> told;
  };
  const auto s = std::make_shared<slot>();
  const ms until = now() + timeout;
  Answer none;
  none.why = "no thread can be started";
  // Not on a thread of the pool for I/O, because all of these may be busy.
  const bool posted = callbacks_->post([s, once = std::move(once), where = past_runs_, env = env_, until] {
    constexpr int most_tries = 10;  // the driver waits for a server, but not after every failure
    Answer a;
    for (int i = 0; i < most_tries && a.what == answer::kind::no_answer; ++i) {
      const ms left = until - env->now_ms();
      if (left <= 0) break;
      const bool in_doubt = a.in_doubt;
      a = once(*where, left);
      a.in_doubt = a.in_doubt || in_doubt;
    }
    const std::lock_guard lock(s->guard);
    s->told = std::move(a);
    s->changed.notify_all();
  });
  std::unique_lock lock(s->guard);
  if (posted) {
    (void)wait_until(*env_, s->changed, lock, until, [&] { return s->told.has_value(); });
    none.why = "still waiting for the answer";
    none.in_doubt = true;
  }
  Answer a = s->told ? *std::move(s->told) : std::move(none);
  if (a.what != answer::kind::replied) fail(doing, a, a.in_doubt);
  return a;
}

std::vector<past_run> runtime::history(const std::string& lock) {
  return ask_history<runs_answer>("cannot read the history of lock " + in_quotes(lock),
                                  options_.operation_timeout.count(),
                                  [lock](past_runs& where, ms limit) { return where.read(lock, limit); })
      .runs;
}

void runtime::record(const std::string& lock, past_run run, ms timeout) {
  run.who = *options_.who;
  (void)ask_history<answer>(
      "cannot record a run of lock " + in_quotes(lock), timeout,
      [lock, run = std::move(run)](past_runs& where, ms limit) { return where.add(lock, run, limit); });
}

}  // namespace dlock::detail
