#include "simulator/acquisition.hpp"

#include <utility>

#include "simulator/hold.hpp"
#include "simulator/process.hpp"

namespace dlock::simulator {

using protocol::ms;

acquisition::acquisition(std::shared_ptr<process> in, protocol::acquire_plan plan, std::function<void(const end&)> told)
    : in_(std::move(in)), plan_(std::move(plan)), told_(std::move(told)) {}

void acquisition::begin() {
  in_->step([&](auto& e, ms at) {
    call_ = e.acquire(plan_, true, at);
    in_->expect(call_, shared_from_this());
  });
}

void acquisition::stop() {
  if (over_) return;
  stopped_ = true;
  in_->step([&](auto& e, ms at) { e.cancel(call_, at); });
}

std::optional<state> acquisition::idle() const {
  if (in_->client().asks(call_)) return std::nullopt;
  if (in_->client().waits_locally(call_)) return state::behind;
  return stopped_ ? state::leaving : silent_ ? state::retrying : state::waiting;
}

void acquisition::ended(const engine::acquire_ended& e, const std::shared_ptr<hold>& got) {
  over_ = true;
  contended_ = contended_ || e.last.place >= 0 || (e.last.holders > 0 && !e.last.mine);
  told_({e.what, got, e.refused});
}

}  // namespace dlock::simulator
