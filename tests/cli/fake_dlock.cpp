// The public API of dlock on a directory instead of a server, for tests of the command: linked instead of the library,
// it makes them run anywhere, also under sanitizers, and lets them break the "server" at will. The highest-numbered
// file of a lock is its document; times are on boot_clock. The URL is fake:///DIRECTORY. Files in there steer it:
//
//     outage   no call gets an answer
//     evicted  the next renewal or release finds that the lock is gone
//     deaf     no events come
//     events   is what subscribers are told, a line each: locked|unlocked, id, token, who, separated by tabs; or gap

#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include <dlock/dlock.hpp>

namespace dlock {

namespace {

using std::chrono::milliseconds;
using time_point = boot_clock::time_point;

struct entry {
  std::int64_t token = 0;
  std::int64_t until = 0;  // 0: free
  std::string owner;
  std::string who;
};

}  // namespace

namespace detail {

class client_core {
 public:
  client_options options;
  std::filesystem::path directory;

  [[nodiscard]] bool is(const char* what) const { return std::filesystem::exists(directory / what); }

  void announce(const char* what, const std::string& id, std::int64_t token) const {
    const std::string line =
        std::string(what) + '\t' + id + '\t' + std::to_string(token) + '\t' + options.who.value_or("somebody") + '\n';
    std::ofstream(directory / "events", std::ios::app) << line << std::flush;  // in one write
  }

  /// Waits until the outage is over or `deadline` has come.
  void reach(time_point deadline) const {
    while (is("outage")) {
      if (boot_clock::now() >= deadline) throw error(errc::unavailable, "no answer from the server");
      std::this_thread::sleep_for(milliseconds(5));
    }
  }

  /// Lets `change` look at and change the lock's entry. Each change makes a new file with the next number, so that
  /// a process that is frozen in between is in nobody's way; whoever comes second with a number begins again.
  template <class Change>
  auto with(const std::string& id, Change change) const {
    const std::string draft = directory / ("draft-" + std::to_string(gettid()));
    for (;;) {
      const auto file = [&](int number) { return directory / ("lock-" + id + "." + std::to_string(number)); };
      int number = 0;
      while (std::filesystem::exists(file(number + 1))) ++number;
      entry now;
      if (std::ifstream in(file(number)); in) {
        std::getline((in >> now.token >> now.until >> now.owner).ignore(), now.who);
      }
      auto result = change(now);
      std::ofstream(draft, std::ios::trunc)
          << now.token << ' ' << now.until << ' ' << now.owner << ' ' << now.who << '\n';
      const int problem = link(draft.c_str(), file(number + 1).c_str()) == 0 ? 0 : errno;
      std::filesystem::remove(draft);
      if (problem == 0) return result;
      if (problem != EEXIST) throw error(errc::unavailable, "cannot reach the server " + directory.string());
    }
  }
};

/// Reads what is appended to `events`.
class subscriber {
 public:
  subscriber(std::shared_ptr<client_core> client, std::optional<std::string> id, event_callback callback)
      : client_(std::move(client)), id_(std::move(id)), callback_(std::move(callback)) {
    const auto file = client_->directory / "events";
    if (std::filesystem::exists(file)) heard_ = static_cast<std::streamoff>(std::filesystem::file_size(file));
    thread_ = std::jthread([this](const std::stop_token& stop) {
      for (; !stop.stop_requested(); std::this_thread::sleep_for(milliseconds(5))) {
        if (is_open()) hear();
      }
    });
  }

  [[nodiscard]] bool is_open() const { return !client_->is("outage") && !client_->is("deaf"); }

 private:
  void hear() {
    std::ifstream in(client_->directory / "events");
    in.seekg(heard_);
    for (std::string line; std::getline(in, line) && !in.eof();) {
      heard_ += static_cast<std::streamoff>(line.size() + 1);
      std::istringstream parts(line);
      std::string what;
      std::string token;
      lock_event event;
      std::getline(parts, what, '\t');
      std::getline(parts, event.id, '\t');
      std::getline(parts, token, '\t');
      std::getline(parts, event.who);
      using kind = lock_event::kind;
      event.what = what == "locked" ? kind::locked : what == "unlocked" ? kind::unlocked : kind::gap;
      event.token = token.empty() ? 0 : std::stoll(token);
      event.at = std::chrono::system_clock::now();
      if (!id_ || event.what == kind::gap || *id_ == event.id) callback_(event);
    }
  }

  std::shared_ptr<client_core> client_;
  std::optional<std::string> id_;
  event_callback callback_;
  std::streamoff heard_ = 0;
  std::jthread thread_;
};

class held_state {
 public:
  std::shared_ptr<client_core> client;
  lock_options options;
  std::string owner;
  std::int64_t token = 0;
  time_point granted;
  milliseconds ttl{};

  void begin(time_point valid_until) {
    valid_until_ = valid_until;
    keeper_ = std::jthread([this](std::stop_token stop) { keep(stop); });
  }

  ~held_state() { stop(); }

  void stop() {
    keeper_.request_stop();
    wake_.notify_all();
    if (keeper_.joinable()) keeper_.join();
  }

  [[nodiscard]] time_point valid_until() {
    const std::lock_guard hold(mutex_);
    return valid_until_;
  }

  [[nodiscard]] milliseconds margin() const { return ttl / 50; }
  [[nodiscard]] bool lost() const { return lost_.stop_requested(); }
  [[nodiscard]] std::stop_token lost_token() const { return lost_.get_token(); }

  void on_lost(std::function<void()> callback) {
    callbacks_.push_back(
        std::make_unique<std::stop_callback<std::function<void()>>>(lost_token(), std::move(callback)));
  }

  release_result release(std::optional<milliseconds> at_least, milliseconds timeout) {
    if (std::exchange(released_, true)) return release_result::not_held;
    stop();
    if (lost()) return release_result::lost;
    try {
      client->reach(boot_clock::now() + timeout);
    } catch (const error& problem) {
      throw error(errc::unavailable, std::string("cannot release the lock: ") + problem.what());
    }
    const release_result result = client->with(*options.id, [&](entry& now) {
      if (client->is("evicted") || now.owner != owner) return release_result::lost;
      const bool early = at_least && boot_clock::now() < granted + *at_least;
      now.until = early ? (granted + *at_least).time_since_epoch().count() : 0;
      return release_result::released;
    });
    if (result == release_result::released) client->announce("unlocked", *options.id, token);
    return result;
  }

 private:
  void keep(const std::stop_token& stop) {
    while (!stop.stop_requested() && !lost()) {
      const time_point sent = boot_clock::now();
      if (sent >= valid_until()) {
        lost_.request_stop();
        return;
      }
      if (client->is("evicted")) {
        lost_.request_stop();
        return;
      }
      if (renews() && !client->is("outage")) renew(sent);
      std::unique_lock hold(mutex_);
      wake_.wait_for(hold, stop, ttl / 10, [] { return false; });
    }
  }

  [[nodiscard]] bool renews() const { return options.autorefresh.value_or(client->options.autorefresh); }

  void renew(time_point sent) {
    const bool mine = client->with(*options.id, [&](entry& now) {
      if (now.owner != owner) return false;
      now.until = (sent + ttl).time_since_epoch().count();
      return true;
    });
    if (!mine) {
      lost_.request_stop();
      return;
    }
    const std::lock_guard hold(mutex_);
    valid_until_ = sent + ttl - margin();
  }

  std::mutex mutex_;
  std::condition_variable_any wake_;
  time_point valid_until_;
  bool released_ = false;
  std::stop_source lost_;
  std::vector<std::unique_ptr<std::stop_callback<std::function<void()>>>> callbacks_;
  std::jthread keeper_;
};

class lock_core {
 public:
  std::shared_ptr<client_core> client;
  lock_options options;

  /// None: others hold it; `in_the_way` is then one of them.
  std::shared_ptr<held_state> try_once(std::optional<holder_info>& in_the_way) const {
    const time_point sent = boot_clock::now();
    const milliseconds ttl = options.exp_delta.value_or(client->options.exp_delta);
    auto state = std::make_shared<held_state>();
    const bool mine = client->with(*options.id, [&](entry& now) {
      const time_point admits(boot_clock::duration(now.until) + client->options.clock_skew);
      if (now.until != 0 && sent < admits) {
        const time_point until{boot_clock::duration(now.until)};
        in_the_way = {
            .who = now.who, .token = now.token, .expires_in = std::chrono::duration_cast<milliseconds>(until - sent)};
        return false;
      }
      now.token = std::max(now.token + 1000, std::int64_t{1000});
      now.until = (sent + ttl).time_since_epoch().count();
      now.owner = std::to_string(getpid()) + "-" + std::to_string(sent.time_since_epoch().count());
      now.who = client->options.who.value_or("somebody");
      state->owner = now.owner;
      state->token = now.token;
      return true;
    });
    if (!mine) return nullptr;
    client->announce("locked", *options.id, state->token);
    state->client = client;
    state->options = options;
    state->granted = sent;
    state->ttl = ttl;
    state->begin(sent + ttl - state->margin());
    return state;
  }
};

}  // namespace detail

boot_clock::time_point boot_clock::now() noexcept {
  timespec t{};
  clock_gettime(CLOCK_BOOTTIME, &t);
  return time_point(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
}

const char* version() noexcept {
  return "0.0.0-fake";
}

error::error(errc code, const std::string& what, traits properties)
    : std::runtime_error(what), code_(code), properties_(properties) {}

const char* to_string(outcome value) noexcept {
  return value == outcome::cancelled ? "cancelled" : "?";
}

client::client(client_options options) : core_(std::make_shared<detail::client_core>()) {
  constexpr std::string_view scheme = "fake://";
  if (!options.url.starts_with(scheme)) throw error(errc::invalid_argument, "not a fake URL: " + options.url);
  core_->options = std::move(options);
  core_->directory = core_->options.url.substr(scheme.size());
  core_->reach(boot_clock::now() + core_->options.operation_timeout);
}
client::~client() = default;
client::client(client&&) noexcept = default;
client& client::operator=(client&&) noexcept = default;
void client::close() noexcept {}
const client_options& client::options() const {
  return core_->options;
}

subscription client::subscribe(std::string id, event_callback callback) {
  return subscription(std::make_shared<detail::subscriber>(core_, std::move(id), std::move(callback)));
}
subscription client::subscribe_all(event_callback callback) {
  return subscription(std::make_shared<detail::subscriber>(core_, std::nullopt, std::move(callback)));
}
notification_status client::notifications() const {
  using state = notification_status::state;
  if (core_->is("outage") || core_->is("deaf")) return {state::failing, "no answer from the server"};
  return {state::working, ""};
}

subscription::subscription() noexcept = default;
subscription::subscription(std::shared_ptr<detail::subscriber> s) noexcept : subscriber_(std::move(s)) {}
subscription::subscription(subscription&&) noexcept = default;
subscription& subscription::operator=(subscription&&) noexcept = default;
subscription::~subscription() = default;
bool subscription::wait_until_open(milliseconds timeout) const {
  const time_point deadline = boot_clock::now() + timeout;
  while (!subscriber_->is_open()) {
    if (boot_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return true;
}

mutex::mutex(client& owner, std::string id) : core_(std::make_shared<detail::lock_core>()) {
  if (id.empty()) throw error(errc::invalid_argument, "the id is empty");
  core_->client = owner.core_;
  core_->options.id = std::move(id);
}
mutex::~mutex() = default;

acquisition mutex::try_acquire() {
  return acquire({.timeout = milliseconds(0), .stop = {}, .on_wait = {}});
}

acquisition mutex::acquire(wait_options options) {
  const auto& client = *core_->client;
  const auto deadline = options.timeout ? std::optional(boot_clock::now() + *options.timeout) : std::nullopt;
  client.reach(deadline && *options.timeout > milliseconds(0) ? *deadline
                                                              : boot_clock::now() + client.options.operation_timeout);
  for (;;) {
    std::optional<holder_info> holder;
    if (auto state = core_->try_once(holder)) return {outcome::acquired, lease(std::move(state)), {}};
    if (options.timeout && *options.timeout <= milliseconds(0)) return {outcome::busy, {}, holder};
    if (deadline && boot_clock::now() >= *deadline) return {outcome::timed_out, {}, holder};
    if (options.stop.stop_requested()) return {outcome::cancelled, {}, {}};
    if (options.on_wait) options.on_wait({.place = 0, .queue_length = 1, .holder = holder});
    std::this_thread::sleep_for(milliseconds(5));
  }
}

acquisition::acquisition(outcome what, lease held, std::optional<holder_info> holder)
    : result_(what), lease_(std::move(held)), holder_(std::move(holder)) {}

lease::lease() noexcept = default;
lease::lease(std::shared_ptr<detail::held_state> state) noexcept : state_(std::move(state)) {}
lease::lease(lease&&) noexcept = default;
lease& lease::operator=(lease&&) noexcept = default;
lease::~lease() {
  try {
    if (state_) (void)state_->release({}, milliseconds(100));
  } catch (const error&) {
  }
}

const std::string& lease::id() const {
  return *state_->options.id;
}
const std::string& lease::owner() const {
  return state_->owner;
}
std::int64_t lease::token() const {
  return state_->token;
}
boot_clock::time_point lease::valid_until() const {
  return state_->valid_until();
}
milliseconds lease::valid_for() const {
  if (state_->lost()) return milliseconds(0);
  return std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(valid_until() - boot_clock::now()));
}
bool lease::held() const {
  return valid_for() > milliseconds(0);
}
std::stop_token lease::lost() const {
  return state_->lost_token();
}
void lease::on_lost(std::function<void()> callback) {
  state_->on_lost(std::move(callback));
}
release_result lease::release(milliseconds timeout) {
  return state_->release({}, timeout);
}
release_result lease::release_at_least(milliseconds at_least, milliseconds timeout) {
  return state_->release(at_least, timeout);
}

}  // namespace dlock
