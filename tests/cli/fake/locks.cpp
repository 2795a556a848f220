#include <algorithm>
#include <utility>

#include "core.hpp"

// The kinds of locks, and how they are acquired.

namespace dlock {

namespace detail {

using std::chrono::milliseconds;

namespace {

std::string new_owner() {
  return std::to_string(getpid()) + "-" + std::to_string(number_of(boot_clock::now()));
}

holder_info info_of(const holder_entry& holder, boot_clock::time_point now) {
  return {.who = holder.who,
          .token = holder.token,
          .expires_in = std::chrono::duration_cast<milliseconds>(time_of(holder.until) - now),
          .foreign = holder.foreign};
}

}  // namespace

lock_core::got lock_core::try_once(const std::string& owner, bool queues, std::int64_t& ahead) const {
  const boot_clock::time_point sent = boot_clock::now();
  auto state = std::make_shared<held_state>();
  state->ttl = options.exp_delta.value_or(client->options.exp_delta);
  const got result = client->with(*options.id, [&](document& now) -> got {
    now.purge(sent, client->options.clock_skew);
    if (now.permits != shape.capacity && !now.holders.empty()) {
      throw error(errc::configuration, "the lock '" + *options.id + "' is in use with " + std::to_string(now.permits) +
                                           " permits, not " + std::to_string(shape.capacity));
    }
    const auto same = [&](const waiter_entry& each) { return each.owner == owner; };
    const auto place = std::find_if(now.waiters.begin(), now.waiters.end(), same);
    ahead = place - now.waiters.begin();
    if (ahead > 0 || !now.admits(shape)) {
      const holder_info first = now.holders.empty() ? holder_info{} : info_of(now.holders.front(), sent);
      if (queues && place == now.waiters.end()) {
        now.waiters.push_back({owner, shape.mode, shape.permits, number_of(sent), client->who()});
      }
      return {.in_the_way = now.holders.empty() ? std::nullopt : std::optional(first)};
    }
    now.remove(owner);
    now.permits = shape.capacity;
    now.token = std::max(now.token + 1000, std::int64_t{1000});
    now.holders.push_back({.owner = owner,
                           .mode = shape.mode,
                           .permits = shape.permits,
                           .token = now.token,
                           .since = number_of(sent),
                           .until = number_of(sent + state->ttl),
                           .who = client->who(),
                           .value = value});
    state->token = now.token;
    return {.result = outcome::acquired, .lease = state};
  });
  if (!result.lease) return result;
  client->announce("locked", *options.id, state->token);
  state->client = client;
  state->options = options;
  state->owner = owner;
  state->granted = sent;
  state->begin();
  return result;
}

void lock_core::cancel(const std::string& owner) const {
  client->with(*options.id, [&](document& now) { return now.remove(owner), 0; });
}

lock_core::got lock_core::acquire(const wait_options& how) const {
  const bool once = how.timeout && *how.timeout <= milliseconds(0);
  const auto deadline = how.timeout ? std::optional(boot_clock::now() + *how.timeout) : std::nullopt;
  client->reach(deadline && !once ? *deadline : boot_clock::now() + client->options.operation_timeout, how.stop);
  const std::string owner = new_owner();
  for (;; std::this_thread::sleep_for(milliseconds(5))) {
    if (how.stop.stop_requested()) {
      cancel(owner);
      return {.result = outcome::cancelled};
    }
    if (client->is("outage") && !(deadline && boot_clock::now() >= *deadline)) continue;
    std::int64_t ahead = 0;
    got result = try_once(owner, !once, ahead);
    if (result.lease || once) return result;
    if (deadline && boot_clock::now() >= *deadline) {
      cancel(owner);
      result.result = outcome::timed_out;
      return result;
    }
    if (how.on_wait) how.on_wait({.place = ahead, .queue_length = ahead + 1, .holder = result.in_the_way});
  }
}

namespace {

std::shared_ptr<lock_core> make_core(const std::shared_ptr<runtime>& client, std::string id, claim_shape shape) {
  auto core = std::make_shared<lock_core>();
  core->client = client;
  core->options.id = std::move(id);
  core->shape = shape;
  return core;
}

}  // namespace

}  // namespace detail

const char* to_string(outcome value) noexcept {
  return value == outcome::cancelled ? "cancelled" : "?";
}

claim::claim(std::shared_ptr<detail::lock_core> lock, std::int64_t weight) : lock_(std::move(lock)), weight_(weight) {}
const std::string& claim::id() const {
  return *lock_->options.id;
}

mutex::mutex(client& owner, std::string id) : core_(detail::make_core(owner.core_, std::move(id), {})) {}
mutex::~mutex() = default;
mutex::operator claim() const {
  return {core_, 0};
}

shared_mutex::shared_mutex(client& owner, std::string id) : core_(detail::make_core(owner.core_, std::move(id), {})) {}
shared_mutex::~shared_mutex() = default;
claim shared_mutex::shared() const {
  return {detail::make_core(core_->client, *core_->options.id, {.mode = lock_mode::shared}), 1};
}

struct semaphore::state {
  std::shared_ptr<detail::runtime> client;
  std::string id;
  std::int64_t permits = 0;
};
semaphore::semaphore(client& owner, std::string id, std::int64_t permits)
    : state_(std::make_shared<state>(state{owner.core_, std::move(id), permits})) {}
claim semaphore::take(std::int64_t k) const {
  const detail::claim_shape shape{.mode = lock_mode::permits, .permits = k, .capacity = state_->permits};
  return {detail::make_core(state_->client, state_->id, shape), k};
}

election::election(client& owner, std::string id) : core_(detail::make_core(owner.core_, std::move(id), {})) {}
election::~election() = default;
acquisition election::campaign(std::string value, wait_options options) {
  core_->value = std::move(value);
  detail::lock_core::got got = core_->acquire(options);
  return {got.result, got.lease ? detail::claimed::make(std::move(got.lease)) : lease(), got.in_the_way};
}

}  // namespace dlock
