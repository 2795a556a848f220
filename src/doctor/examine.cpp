#include <algorithm>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

#include <dlock/doctor.hpp>
#include <dlock/error.hpp>

#include "client/validate.hpp"
#include "doctor/canary.hpp"
#include "doctor/checks.hpp"
#include "store/driver.hpp"
#include "store/examiner.hpp"
#include "util/thread.hpp"

namespace dlock {
namespace {

constexpr std::chrono::milliseconds kLongestLook{4500};

/// The facts, read on a thread that is not waited for: the driver may take longer than the caller's time.
struct look {
  std::mutex guard;
  std::condition_variable changed;
  std::optional<facts> found;
  std::exception_ptr failure;
};

facts read_in_time(const std::shared_ptr<examiner>& server) {
  const auto l = std::make_shared<look>();
  drop(thread_without_signals("dlock-doctor", [l, server] {
    std::optional<facts> found;
    std::exception_ptr failure;
    try {
      found = server->read();
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(l->guard);
    l->found = std::move(found);
    l->failure = failure;
    l->changed.notify_all();
  }));
  std::unique_lock lock(l->guard);
  if (!l->changed.wait_for(lock, kLongestLook, [&] { return l->found || l->failure; })) {
    throw error(errc::unavailable,
                "cannot examine " + server->hosts() + ": it takes longer than 4.5 s; check that it is up",
                {.retryable = true});
  }
  if (l->failure) std::rethrow_exception(l->failure);
  return *std::move(l->found);
}

/// The driver needs half a second to end its threads. The caller does not wait for that.
struct ended_in_background {
  std::shared_ptr<examiner> server;
  ~ended_in_background() {
    try {
      drop(thread_without_signals("dlock-end", [last = std::move(server)]() mutable { last.reset(); }));
    } catch (const std::system_error&) {  // there is no thread: then it ended here
    }
  }
};

void require_contact(const facts& f, const std::string& hosts) {
  if (f.contact.done()) return;
  const bool any = std::any_of(f.members.begin(), f.members.end(), [](const auto& m) { return m.reachable; });
  const std::string what =
      "cannot examine " + hosts + ": " + f.contact.why + (f.contact.advice.empty() ? "" : "; " + f.contact.advice);
  // A login that is refused is refused everywhere.
  const bool refused = f.contact.what == looked::end::refused;
  if (refused && (!any || f.contact.code == errc::authentication)) throw error(f.contact.code, what);
  if (!any) throw error(errc::unavailable, what, {.retryable = true});
}

}  // namespace

examination examine(const client_options& options, const examine_options& how) {
  const bool own_channel = options.notif_url.has_value();
  const auto o = validated(options);
  initialise_driver();
  const ended_in_background own{std::make_shared<examiner>(o, own_channel)};
  const auto& server = own.server;
  auto f = read_in_time(server);
  f.observed = o.expiry == expiry::observed;
  require_contact(f, server->hosts());
  examination out;
  out.diagnoses = doctor::judged(f);
  if (how.write && f.contact.done()) {
    const auto canary = doctor::send_canary(options, *server);
    doctor::check_canary(canary, out.diagnoses);
    out.hand_off = canary.hand_off;
  }
  out.members = std::move(f.members);
  out.tls = f.url.tls;
  return out;
}

}  // namespace dlock
