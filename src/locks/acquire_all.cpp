#include <dlock/acquire_all.hpp>

#include <algorithm>
#include <atomic>
#include <exception>

#include <dlock/error.hpp>

#include "client/validate.hpp"
#include "locks/lock_core.hpp"
#include "util/text.hpp"

namespace dlock {
namespace {

using detail::claimed;
using protocol::ms;
using std::chrono::milliseconds;

constexpr ms kOvertime = 90;   // giving back what was acquired ends this long after the deadline,
constexpr ms kPatience = 400;  // and this long after it began, such as after a cancelled wait
constexpr ms kGiveBackPatience = 5000;

[[noreturn]] void refuse_set(const std::string& why) {
  throw error(errc::invalid_argument, "acquire_all: " + why);
}

/// Returns the locks in the order in which all processes acquire them.
std::vector<const claim*> in_order(const std::vector<claim>& locks) {
  std::vector<const claim*> out;
  for (const auto& each : locks) out.push_back(&each);
  std::sort(out.begin(), out.end(), [](const auto* a, const auto* b) { return a->id() < b->id(); });
  const auto twice = std::adjacent_find(out.begin(), out.end(), [](auto* a, auto* b) { return a->id() == b->id(); });
  if (twice != out.end()) refuse_set("lock " + in_quotes((*twice)->id()) + " is named twice; name it once");
  if (out.empty()) refuse_set("no lock is named; name at least one");
  const auto& client = claimed::lock_of(*out.front()).core;
  for (const auto* each : out) {
    if (claimed::lock_of(*each).core != client) refuse_set("the locks are of different clients; use one");
  }
  return out;
}

/// The leases acquired so far. Unless they are moved out, the destructor gives them back, in the time that the call has
/// for that.
struct acquired_leases {
  acquired_leases(const detail::runtime& by, std::optional<ms> until) : by_(by), until_(until) {}
  acquired_leases(const acquired_leases&) = delete;
  acquired_leases& operator=(const acquired_leases&) = delete;
  ~acquired_leases() {
    const ms until = by_.now() + kPatience;
    claimed::give_back(leases, std::min(until_.value_or(until), until));
  }

  std::vector<lease> leases;

 private:
  const detail::runtime& by_;
  std::optional<ms> until_;
};

}  // namespace

struct lease_set::state {
  state() = default;
  state(const state&) = delete;
  state& operator=(const state&) = delete;
  ~state() {
    if (leases.empty()) return;
    claimed::give_back(leases, env->now_ms() + std::min<ms>(patience.count(), kGiveBackPatience));
  }

  std::vector<std::string> ids;
  std::vector<lease> leases;  // in the order of `ids`
  std::stop_source lost;
  milliseconds patience{};  // for a release without a timeout
  std::shared_ptr<environment> env;

  [[nodiscard]] const lease& of(const std::string& id) const {
    const auto it = std::find(ids.begin(), ids.end(), id);
    if (it == ids.end()) {
      throw error(errc::invalid_argument,
                  "lock " + in_quotes(id) + " is not among these leases; lease_set::ids() has those that are");
    }
    return leases[static_cast<std::size_t>(it - ids.begin())];
  }
};

lease_set::lease_set() noexcept = default;
lease_set::lease_set(std::shared_ptr<state> s) noexcept : state_(std::move(s)) {}
lease_set::lease_set(lease_set&&) noexcept = default;
lease_set& lease_set::operator=(lease_set&&) noexcept = default;
lease_set::~lease_set() = default;

const std::vector<std::string>& lease_set::ids() const {
  static const auto& none = *new std::vector<std::string>;
  return state_ ? state_->ids : none;
}

std::int64_t lease_set::token(const std::string& id) const {
  return (state_ ? state_->of(id) : state{}.of(id)).token();
}

const std::string& lease_set::owner(const std::string& id) const {
  return (state_ ? state_->of(id) : state{}.of(id)).owner();
}

boot_clock::time_point lease_set::valid_until() const {
  if (!state_) return {};
  auto first = boot_clock::time_point::max();
  for (const auto& each : state_->leases) first = std::min(first, each.valid_until());
  return first;
}

milliseconds lease_set::valid_for() const {
  if (!state_) return milliseconds{0};
  auto least = milliseconds::max();
  for (const auto& each : state_->leases) least = std::min(least, each.valid_for());
  return least;
}

bool lease_set::held() const {
  return valid_for().count() > 0;
}

std::stop_token lease_set::lost() const {
  return state_ ? state_->lost.get_token() : std::stop_token{};
}

void lease_set::on_lost(std::function<void()> callback) {
  if (!callback) throw error(errc::invalid_argument, "on_lost: the callback is empty; give a function");
  if (!state_) return;
  auto first = std::make_shared<std::atomic<bool>>(false);
  for (auto& each : state_->leases) {
    each.on_lost([first, callback] {
      if (!first->exchange(true)) callback();
    });
  }
}

std::string lease_set::loss() const {
  if (!state_) return {};
  for (const auto& each : state_->leases) {
    auto why = each.loss();
    if (why.empty()) continue;
    return state_->leases.size() == 1 ? why : "lock " + in_quotes(each.id()) + ": " + why;
  }
  return {};
}

loss_reason lease_set::reason() const {
  if (!state_) return loss_reason::none;
  for (const auto& each : state_->leases) {
    if (const auto why = each.reason(); why != loss_reason::none) return why;
  }
  return loss_reason::none;
}

bool lease_set::set_note(const std::string& note) {
  if (!state_) {
    (void)checked_note("note", note);
    return false;
  }
  bool all = true;
  for (auto& each : state_->leases) all = each.set_note(note) && all;
  return all;
}

release_result lease_set::release() {
  return state_ ? release(state_->patience) : release_result::not_held;
}

release_result lease_set::release(milliseconds timeout) {
  return release_at_least({}, timeout);
}

release_result lease_set::release_at_least(milliseconds at_least, milliseconds timeout) {
  check_release("cannot release the locks", at_least, timeout);
  if (!state_) return release_result::not_held;
  const ms until = state_->env->now_ms() + std::min(timeout, longest_time).count();
  auto together = release_result::not_held;
  std::exception_ptr failed;
  for (auto& each : state_->leases) {
    const ms left = until - state_->env->now_ms();
    try {
      const auto one = each.release_at_least(at_least, milliseconds{std::max<ms>(left, 1)});
      if (one == release_result::lost || together == release_result::not_held) together = one;
    } catch (const error&) {
      if (!failed) failed = std::current_exception();
    }
  }
  if (failed) std::rethrow_exception(failed);
  return together;
}

joint_acquisition::joint_acquisition(outcome what, lease_set held, std::string id, std::optional<holder_info> holder)
    : result_(what), leases_(std::move(held)), id_(std::move(id)), holder_(std::move(holder)) {}

lease_set detail::claimed::make_set(const std::vector<claim>& locks, std::vector<lease> leases) {
  auto s = std::make_shared<lease_set::state>();
  const auto& core = *lock_of(locks.front()).core;
  s->patience = core.options().operation_timeout;
  s->env = core.env();
  for (const auto& each : locks) {
    s->ids.push_back(each.id());
    s->leases.push_back(
        std::move(*std::find_if(leases.begin(), leases.end(), [&](auto& l) { return l.id() == each.id(); })));
    s->leases.back().on_lost([lost = s->lost]() mutable { lost.request_stop(); });
  }
  return lease_set(std::move(s));
}

joint_acquisition acquire_all(const std::vector<claim>& locks, wait_options options) {
  const auto order = in_order(locks);
  const auto& core = *claimed::lock_of(*order.front()).core;
  const bool waits = options.timeout && options.timeout->count() > 0;
  const auto deadline = waits ? core.now() + std::min(*options.timeout, longest_time).count() : 0;
  for (;;) {
    // A lock that was acquired may be lost while this call waits for the others.
    std::stop_source broken;
    const std::stop_callback on_stop(options.stop, [&] { broken.request_stop(); });
    acquired_leases got_so_far(core, waits ? std::optional(deadline + kOvertime) : std::nullopt);
    auto& held = got_so_far.leases;
    const auto all_held = [&] { return std::all_of(held.begin(), held.end(), [](auto& l) { return l.held(); }); };
    std::optional<joint_acquisition> failed;
    for (const auto* each : order) {
      if (waits && !held.empty() &&
          core.now() >= deadline) {  // the last lock came late, so no time is left for the next one
        failed.emplace(outcome::timed_out, lease_set(), each->id(), std::nullopt);
        break;
      }
      wait_options one = options;
      one.stop = broken.get_token();
      if (waits) one.timeout = milliseconds{std::max<ms>(deadline - core.now(), 1)};
      auto got = claimed::lock_of(*each).acquire(claimed::weight_of(*each), one);
      if (!got) {
        failed.emplace(got.result(), lease_set(), each->id(), got.holder());
        break;
      }
      held.push_back(std::move(*got));
      held.back().on_lost([broken]() mutable { broken.request_stop(); });
    }
    if (all_held()) {
      if (!failed) return {outcome::acquired, claimed::make_set(locks, std::move(held)), {}, {}};
      return *std::move(failed);
    }
    // A lease was lost, or the process was frozen. Give back what is still held, and begin again while there is time.
    const bool ended = options.stop.stop_requested() || (failed && failed->result() != outcome::cancelled);
    if (ended && failed) return *std::move(failed);
    if (waits && core.now() >= deadline) return {outcome::timed_out, lease_set(), order.front()->id(), {}};
  }
}

}  // namespace dlock
