#include "engine/health_machine.hpp"

#include <utility>

namespace dlock::engine {

using state = notification_status::state;

bool health_machine::works() {
  pause_ = kPauses;
  return std::exchange(now_, {state::working, ""}).now == state::failing;
}

bool health_machine::fails(std::string why) {
  return std::exchange(now_, {state::failing, std::move(why)}).now != state::failing;
}

void health_machine::not_needed() {
  now_ = {};
}

}  // namespace dlock::engine
