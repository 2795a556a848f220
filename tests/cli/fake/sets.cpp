#include <algorithm>
#include <utility>

#include "core.hpp"

// Several locks at once.

namespace dlock {

using std::chrono::milliseconds;
using held_ptr = std::shared_ptr<detail::held_state>;

struct lease_set::state {
  std::vector<held_ptr> all;  // in the order given
  std::vector<std::string> ids;

  [[nodiscard]] held_ptr& at(const std::string& id) {
    return *std::find_if(all.begin(), all.end(), [&](const held_ptr& each) { return each->options.id == id; });
  }

  release_result release(std::optional<milliseconds> at_least, milliseconds timeout) {
    release_result result = release_result::released;
    for (const held_ptr& each : all) {
      const release_result one = each->release(at_least, timeout);
      if (one != release_result::released && result != release_result::lost) result = one;
    }
    return result;
  }
};

lease_set detail::claimed::make_set(std::vector<held_ptr> all) {
  auto state = std::make_shared<lease_set::state>();
  for (const held_ptr& each : all) state->ids.push_back(*each->options.id);
  state->all = std::move(all);
  return lease_set(std::move(state));
}

lease_set::lease_set() noexcept = default;
lease_set::lease_set(std::shared_ptr<state> s) noexcept : state_(std::move(s)) {}
lease_set::lease_set(lease_set&&) noexcept = default;
lease_set& lease_set::operator=(lease_set&&) noexcept = default;
lease_set::~lease_set() {
  try {
    if (state_) (void)state_->release({}, milliseconds(100));
  } catch (const error&) {
  }
}

const std::vector<std::string>& lease_set::ids() const {
  return state_->ids;
}
std::int64_t lease_set::token(const std::string& id) const {
  return state_->at(id)->token;
}
const std::string& lease_set::owner(const std::string& id) const {
  return state_->at(id)->owner;
}
boot_clock::time_point lease_set::valid_until() const {
  auto earliest = state_->all.front()->valid_until();
  for (const held_ptr& each : state_->all) earliest = std::min(earliest, each->valid_until());
  return earliest;
}
milliseconds lease_set::valid_for() const {
  milliseconds least = state_->all.front()->valid_for();
  for (const held_ptr& each : state_->all) least = std::min(least, each->valid_for());
  return least;
}
bool lease_set::held() const {
  return valid_for() > milliseconds(0);
}
std::string lease_set::loss() const {
  for (const held_ptr& each : state_->all) {
    if (std::string why = each->loss(); !why.empty()) return why;
  }
  return "";
}
void lease_set::on_lost(std::function<void()> callback) {
  for (const held_ptr& each : state_->all) each->on_lost(callback);
}
release_result lease_set::release(milliseconds timeout) {
  return state_->release({}, timeout);
}
release_result lease_set::release_at_least(milliseconds at_least, milliseconds timeout) {
  return state_->release(at_least, timeout);
}

joint_acquisition::joint_acquisition(outcome what, lease_set held, std::string id, std::optional<holder_info> holder)
    : result_(what), leases_(std::move(held)), id_(std::move(id)), holder_(std::move(holder)) {}

joint_acquisition acquire_all(const std::vector<claim>& locks, wait_options options) {
  const auto begin = boot_clock::now();
  std::vector<const claim*> order;
  for (const claim& each : locks) order.push_back(&each);
  std::sort(order.begin(), order.end(), [](const claim* a, const claim* b) { return a->id() < b->id(); });
  std::vector<held_ptr> got(locks.size());
  for (const claim* each : order) {
    wait_options left = options;
    if (options.timeout && *options.timeout > milliseconds(0)) {
      const auto passed = std::chrono::duration_cast<milliseconds>(boot_clock::now() - begin);
      left.timeout = std::max(milliseconds(1), *options.timeout - passed);
    }
    auto one = detail::claimed::lock(*each).acquire(left);
    if (!one.lease) {
      for (const held_ptr& taken : got) {
        if (taken) (void)taken->release({}, milliseconds(1000));
      }
      return {one.result, {}, each->id(), one.in_the_way};
    }
    got[static_cast<std::size_t>(each - locks.data())] = one.lease;
  }
  return {outcome::acquired, detail::claimed::make_set(std::move(got)), "", {}};
}

}  // namespace dlock
