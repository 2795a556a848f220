#include <algorithm>
#include <utility>

#include "core.hpp"

// Leases.

namespace dlock::detail {

using std::chrono::milliseconds;

namespace {

/// As docs/protocol.md says: what dlock has to end the command in, before the lease ends for others.
milliseconds margin(milliseconds ttl) {
  return std::clamp(ttl / 10, milliseconds(20), milliseconds(500));
}

}  // namespace

void held_state::begin() {
  valid_until_ = granted + ttl - margin(ttl);
  keeper_ = std::jthread([this](const std::stop_token& stop) { keep(stop); });
}

void held_state::stop() {
  keeper_.request_stop();
  wake_.notify_all();
  if (keeper_.joinable() && keeper_.get_id() != std::this_thread::get_id()) keeper_.join();
}

boot_clock::time_point held_state::valid_until() {
  const std::lock_guard hold(mutex_);
  return valid_until_;
}

milliseconds held_state::valid_for() {
  if (is_lost()) return milliseconds(0);
  return std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(valid_until() - boot_clock::now()));
}

std::string held_state::loss() {
  const std::lock_guard hold(mutex_);
  return loss_;
}

void held_state::on_lost(std::function<void()> callback) {
  callbacks_.push_back(std::make_unique<std::stop_callback<std::function<void()>>>(lost_token(), std::move(callback)));
}

release_result held_state::release(std::optional<milliseconds> at_least, milliseconds timeout) {
  if (std::exchange(released_, true)) return is_lost() ? release_result::lost : release_result::not_held;
  stop();
  if (is_lost()) {
    // Late, so that a test sees whether somebody waits for it.
    client->in_background([copy = client, id = *options.id, mine = owner] {
      std::this_thread::sleep_for(milliseconds(300));
      if (copy->is("outage")) return;
      copy->with(id, [&](document& now) { return now.remove(mine), 0; });
    });
    return release_result::lost;
  }
  try {
    client->reach(boot_clock::now() + timeout);
  } catch (const error& problem) {
    throw error(errc::unavailable, std::string("cannot release the lock: ") + problem.what(), {.retryable = true});
  }
  const release_result result = client->with(*options.id, [&](document& now) {
    holder_entry* const mine = now.holder(owner);
    if (client->is("evicted-" + *options.id) || mine == nullptr) return release_result::lost;
    if (at_least && boot_clock::now() < granted + *at_least) {
      mine->until = number_of(granted + *at_least);
      mine->kept = true;
    } else {
      now.remove(owner);
    }
    return release_result::released;
  });
  if (result == release_result::released) client->announce("unlocked", *options.id, token);
  return result;
}

void held_state::keep(const std::stop_token& stop) {
  boot_clock::time_point renew_at = boot_clock::now();
  while (!stop.stop_requested() && !is_lost()) {
    const boot_clock::time_point now = boot_clock::now();
    if (now >= valid_until()) return lose("");
    if (const std::string why = look(); !why.empty()) {
      // It may have been frozen while it looked.
      return lose(boot_clock::now() < valid_until() ? why : "");
    }
    if (now >= renew_at && renews() && !client->is("outage")) {
      renew(now);
      renew_at = now + ttl / 10;
    }
    std::unique_lock hold(mutex_);
    wake_.wait_for(hold, stop, std::min(ttl / 10, milliseconds(50)), [] { return false; });
  }
}

void held_state::lose(const std::string& why) {
  {
    const std::lock_guard hold(mutex_);
    loss_ = why.empty() ? renews() ? "it was not renewed in time" : "its lease is over and autorefresh is off" : why;
  }
  lost_.request_stop();
}

std::string held_state::look() {
  if (client->is("evicted-" + *options.id)) return "the server no longer has it";
  if (client->is("outage") || !renews()) return "";
  document now = client->read(*options.id);
  const holder_entry* const mine = now.holder(owner);
  if (mine == nullptr) return "the server no longer has it";
  return mine->revoked ? "it was revoked" : "";
}

void held_state::renew(boot_clock::time_point sent) {
  const bool mine = client->with(*options.id, [&](document& now) {
    holder_entry* const entry = now.holder(owner);
    if (entry == nullptr || entry->revoked) return false;
    entry->until = number_of(sent + ttl);
    return true;
  });
  if (!mine) return;  // the next look will tell
  const std::lock_guard hold(mutex_);
  valid_until_ = sent + ttl - margin(ttl);
}

}  // namespace dlock::detail

namespace dlock {

lease::lease() noexcept = default;
lease::lease(std::shared_ptr<detail::held_state> state) noexcept : state_(std::move(state)) {}
lease::lease(lease&&) noexcept = default;
lease& lease::operator=(lease&&) noexcept = default;
lease::~lease() {
  try {
    if (state_) (void)state_->release({}, std::chrono::milliseconds(100));
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
std::chrono::milliseconds lease::valid_for() const {
  return state_->valid_for();
}
bool lease::held() const {
  return valid_for() > std::chrono::milliseconds(0);
}
std::string lease::loss() const {
  return state_->loss();
}
void lease::on_lost(std::function<void()> callback) {
  state_->on_lost(std::move(callback));
}
release_result lease::release(std::chrono::milliseconds timeout) {
  return state_->release({}, timeout);
}
release_result lease::release_at_least(std::chrono::milliseconds at_least, std::chrono::milliseconds timeout) {
  return state_->release(at_least, timeout);
}

acquisition::acquisition(outcome what, lease held, std::optional<holder_info> holder)
    : result_(what), lease_(std::move(held)), holder_(std::move(holder)) {}

}  // namespace dlock
