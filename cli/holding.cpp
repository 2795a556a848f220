#include "holding.hpp"

#include <utility>

namespace dlock::cli {

namespace {

using std::chrono::milliseconds;

std::vector<grant> grants_of(const dlock::lease& held) {
  return {{.id = held.id(), .token = held.token(), .owner = held.owner()}};
}

std::vector<grant> grants_of(const dlock::lease_set& held) {
  std::vector<grant> out;
  for (const std::string& id : held.ids()) out.push_back({.id = id, .token = held.token(id), .owner = held.owner(id)});
  return out;
}

template <class Lease>
class holding_of final : public holding {
 public:
  explicit holding_of(Lease held) : held_(std::move(held)) {}

  [[nodiscard]] std::vector<grant> grants() const override { return grants_of(held_); }
  [[nodiscard]] boot_clock::time_point valid_until() const override { return held_.valid_until(); }
  [[nodiscard]] milliseconds valid_for() const override { return held_.valid_for(); }
  [[nodiscard]] bool held() const override { return held_.held(); }
  [[nodiscard]] std::string loss() const override { return held_.loss(); }
  void on_lost(std::function<void()> callback) override { held_.on_lost(std::move(callback)); }
  [[nodiscard]] release_result release(std::optional<milliseconds> at_least, milliseconds timeout) override {
    return at_least ? held_.release_at_least(*at_least, timeout) : held_.release(timeout);
  }

 private:
  Lease held_;
};

}  // namespace

std::unique_ptr<holding> hold(dlock::lease held) {
  return std::make_unique<holding_of<dlock::lease>>(std::move(held));
}

std::unique_ptr<holding> hold(dlock::lease_set held) {
  return std::make_unique<holding_of<dlock::lease_set>>(std::move(held));
}

}  // namespace dlock::cli
