#include "simulator/observer.hpp"

#include <algorithm>

#include "simulator/world.hpp"

namespace dlock::simulator {

std::shared_ptr<observer> observer::begin(const std::shared_ptr<process>& in, const std::string& lock,
                                          protocol::ms period) {
  const std::shared_ptr<observer> o(new observer(in, lock));
  in->step([&](auto& e, protocol::ms now) {
    o->call_ = e.observe(lock, period, now);
    in->expect(o->call_, [weak = std::weak_ptr<observer>(o)](const std::optional<protocol::holder>& who) {
      if (const auto self = weak.lock()) self->told(who);
    });
  });
  return o;
}

void observer::told(const std::optional<protocol::holder>& who) {
  auto& w = in_->where();
  w.notes.tell(w.events.now(), in_->name(),
               [&] { return "is told that " + (who ? who->id : std::string("nobody")) + " leads " + lock_; });
  ++calls_;
  leader_ = who ? who->fence : 0;
  if (who) w.judge.leader_told(in_->name(), lock_, leader_, highest_);
  highest_ = std::max(highest_, leader_);
}

void observer::end() {
  in_->step([this](auto& e, protocol::ms) { e.stop_observing(call_); });
}

}  // namespace dlock::simulator
