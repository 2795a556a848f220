#include <ctime>
#include <utility>

#include "core.hpp"

// The client, and events.

namespace dlock {

namespace {

using std::chrono::milliseconds;
using time_point = boot_clock::time_point;

}  // namespace

namespace detail {

/// Reads what is appended to `events`.
class subscriber {
 public:
  subscriber(std::shared_ptr<runtime> client, std::optional<std::string> id, event_callback callback)
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

  std::shared_ptr<runtime> client_;
  std::optional<std::string> id_;
  event_callback callback_;
  std::streamoff heard_ = 0;
  std::jthread thread_;
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

const char* to_string(lock_event::kind value) noexcept {
  using kind = lock_event::kind;
  return value == kind::locked ? "locked" : value == kind::unlocked ? "unlocked" : "gap";
}

error::error(errc code, const std::string& what, traits properties)
    : std::runtime_error(printable(what)), code_(code), properties_(properties) {}

client::client(client_options options) : core_(std::make_shared<detail::runtime>()) {
  constexpr std::string_view scheme = "fake://";
  if (!options.url.starts_with(scheme)) throw error(errc::invalid_argument, "not a fake URL: " + options.url);
  core_->options = std::move(options);
  core_->directory = core_->options.url.substr(scheme.size());
  core_->connect();
}
client::~client() = default;
client::client(client&&) noexcept = default;
client& client::operator=(client&&) noexcept = default;
void client::close() noexcept {
  core_->close();
}
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

}  // namespace dlock
