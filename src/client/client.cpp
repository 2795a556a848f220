#include <dlock/client.hpp>

#include <algorithm>
#include <exception>
#include <future>
#include <utility>

#include <dlock/error.hpp>

#include "client/validate.hpp"
#include "runtime/runtime.hpp"
#include "store/connection_string.hpp"
#include "store/driver.hpp"
#include "store/mongo_channel.hpp"
#include "store/mongo_past_runs.hpp"
#include "store/mongo_store.hpp"
#include "util/clock.hpp"
#include "util/environment.hpp"
#include "util/thread.hpp"

namespace dlock {
namespace {

using std::chrono::milliseconds;

/// The longest single wait for the network. It is a third of the lease, so that a renewal that is stuck leaves time for
/// another one.
milliseconds io_limit(const client_options& o) {
  return std::min(std::clamp(o.exp_delta / 3, milliseconds{500}, milliseconds{5000}),
                  std::max(o.operation_timeout / 2, milliseconds{100}));
}

constexpr std::size_t kConnections = 100;  // the driver's own default
constexpr milliseconds kNoticeLimit{5000};

constexpr milliseconds kLook{50};       // how often to poll what the driver's monitors heard
constexpr milliseconds kSilence{1000};  // how long without news before that is logged

std::string in_words(milliseconds d) {
  if (d < milliseconds{1000}) return std::to_string(d.count()) + " ms";
  const auto tenths = (d.count() + 50) / 100;
  return std::to_string(tenths / 10) + (tenths % 10 == 0 ? "" : "." + std::to_string(tenths % 10)) + " s";
}

/// Connects on a thread of `io`, because the driver may take longer than the caller's time limit. An error that does
/// not pass by waiting ends this at once.
void connect(const std::shared_ptr<mongo_store>& where, worker_pool& io, milliseconds timeout, const std::string& hosts,
             const log_callback& log, const environment& env) {
  auto done = std::make_shared<std::promise<void>>();
  auto result = done->get_future();
  const auto begin = from_ms(env.now_ms());
  const auto deadline = begin + timeout;
  const bool posted = io.post([=] {
    try {
      where->connect(deadline);
      done->set_value();
    } catch (...) {
      done->set_exception(std::current_exception());
    }
  });
  std::string told;
  while (posted) {
    const auto now = from_ms(env.now_ms());
    if (now >= deadline + kLook) break;
    if (result.wait_for(std::min<boot_clock::duration>(deadline + kLook - now, kLook)) == std::future_status::ready) {
      return result.get();
    }
    const answer problem = where->problem();
    if (problem.what == answer::kind::refused) {
      io.stop(milliseconds{0});  // its task ends when the driver returns
      throw where->failed_contact(problem);
    }
    if (problem.why.empty() && now - begin < kSilence) continue;
    const std::string why = problem.why.empty() ? "no answer" : problem.why;
    if (std::exchange(told, why) != why) {
      log(log_level::info, "no contact with " + hosts + " yet, trying again: " + why);
    }
  }
  io.stop(milliseconds{0});
  const std::string why = where->problem().why;
  throw error(errc::unavailable,
              "cannot use the locks: no contact with " + hosts + " within " + in_words(timeout) +
                  (why.empty() ? "; check that it is up and that the URL names it" : ": " + why),
              {.retryable = true});
}

/// Closes the log if the client is not created. After that there are no messages: the caller may then destroy what the
/// callback refers to, while threads of the driver may still keep the logger.
struct close_log_unless_made {
  std::shared_ptr<logger> log;
  ~close_log_unless_made() {
    if (log) log->close();
  }
};

/// The texts come from the driver, so we cannot trust them to contain no secrets.
logger::text_filter without_secrets(const std::string& url, const std::string& notif_url) {
  return [one = redactor(url), other = redactor(notif_url)](std::string message) {
    return other(one(std::move(message)));
  };
}

/// The notification channel. If it has no server of its own, it shares the connections of the locks.
std::shared_ptr<mongo_channel> notices_for(const client_options& o, std::shared_ptr<mongo_pool> shared,
                                           log_callback log) {
  const auto uri = parse_connection_string(*o.notif_url, "notif_url");
  const char* db = mongoc_uri_get_database(uri.get());
  if (!shared) shared = std::make_shared<mongo_pool>(*o.notif_url, "notif_url", kNoticeLimit, kConnections);
  return std::make_shared<mongo_channel>(std::move(shared), db != nullptr ? db : "mongo_dlock_notif", std::move(log));
}

}  // namespace

client::client(client_options options) {
  const bool own_channel = options.notif_url.has_value();
  auto o = validated(std::move(options));
  auto log = logger::make(o.log, without_secrets(o.url, *o.notif_url));
  close_log_unless_made closing{log};
  auto env = std::make_shared<real_environment>();
  listen_to_driver(log);
  auto pool = std::make_shared<mongo_pool>(o.url, "url", io_limit(o), kConnections);
  auto notices = notices_for(o, own_channel ? nullptr : pool, writer(log));
  auto where = std::make_shared<mongo_store>(
      pool, mongo_settings{.db = o.db, .coll = o.coll, .grace = o.grace, .log = writer(log)});
  auto runs = std::make_shared<mongo_past_runs>(pool, o.db, o.coll, writer(log));
  auto io = std::make_shared<worker_pool>(pool->connections(), "dlock-io");
  try {
    connect(where, *io, o.connect_timeout, pool->hosts(), writer(log), *env);
  } catch (...) {
    // Destroying them can take longer than the caller's time limit: the driver needs half a second to stop its own
    // threads. So the caller keeps none of them: the last owner destroys the pool.
    drop(
        thread_without_signals("dlock-end", [where = std::move(where), io = std::move(io), notices = std::move(notices),
                                             runs = std::move(runs), pool = std::move(pool)]() mutable {
          io.reset();
          where.reset();
          notices.reset();
          runs.reset();
          pool.reset();
        }));
    throw;
  }
  core_ = std::make_shared<detail::runtime>(std::move(o), std::move(where), std::move(notices), std::move(io),
                                            std::move(log), std::move(env));
  core_->keep_history(std::move(runs));
  closing.log.reset();
}

client::client(std::shared_ptr<detail::runtime> core) noexcept : core_(std::move(core)) {}

client::~client() {
  close();
  detail::drop(core_);
}

client::client(client&&) noexcept = default;

client& client::operator=(client&& other) noexcept {
  if (this != &other) {
    close();
    detail::drop(core_);
    core_ = std::move(other.core_);
  }
  return *this;
}

void client::close() noexcept {
  if (core_) core_->close();
}

const client_options& client::options() const {
  return core().options();
}

subscription client::subscribe(std::string id, event_callback callback) {
  (void)checked_id(id);
  return subscription(core().subscribe(std::move(id), std::move(callback)));
}

subscription client::subscribe_all(event_callback callback) {
  return subscription(core().subscribe(std::nullopt, std::move(callback)));
}

notification_status client::notifications() const {
  return core().notifications();
}

detail::runtime& client::core() const {
  if (!core_) throw error(errc::closed, "this client was moved from; use the one that it was moved to");
  if (core_->forked()) throw error(errc::forked, "this client belongs to the parent process; make one in the child");
  return *core_;
}

}  // namespace dlock
