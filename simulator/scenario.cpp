#include "simulator/scenario.hpp"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <utility>

namespace dlock::simulator {

protocol::acquire_plan scenario::plan(const std::string& lock) {
  protocol::acquire_plan p;
  p.ask.lock = lock;
  p.ask.delta = 2000;
  p.ask.term = 1000;
  p.ask.life = 3000;
  p.wait_period = 1000;
  return p;
}

std::shared_ptr<scenario::call> scenario::acquire(const std::shared_ptr<process>& p, protocol::acquire_plan how) {
  auto c = std::make_shared<call>();
  c->machine = std::make_shared<acquisition>(p, std::move(how), [weak = std::weak_ptr(c)](const acquisition::end& e) {
    const auto mine = weak.lock();
    if (!mine) return;
    mine->result = e.what;
    mine->got = e.got;
  });
  p->deliver([m = c->machine] { m->begin(); });
  return c;
}

protocol::document scenario::locked_by_mongo_dlock(const std::string& lock) {
  protocol::document d;
  d.lockd = protocol::lockd_flag::one;
  d.ct = set.clock(*set.primary());
  d.et = *d.ct + 60'000;
  if (!set.write(lock, std::make_shared<const stored>(stored{true, d}))) throw std::logic_error("it is not written");
  run_for(10);
  return d;
}

bool scenario::holds(const std::string& lock, const std::string& id) const {
  const auto v = set.committed().get(lock);
  return v && std::any_of(v->what.holders.begin(), v->what.holders.end(), [&](const auto& h) { return h.id == id; });
}

}  // namespace dlock::simulator
