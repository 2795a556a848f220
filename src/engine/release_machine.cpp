#include "engine/release_machine.hpp"

#include <utility>

namespace dlock::engine {

release_machine::release_machine(protocol::request ask, ms until, bool in_doubt, bool doubtful)
    : ask_(std::move(ask)), until_(until), in_doubt_(in_doubt), doubtful_(doubtful) {}

release_machine::action release_machine::start() {
  send first{ask_};
  ask_.how = protocol::form::whole;  // a repetition uses the full command
  return first;
}

release_machine::action release_machine::look() {
  return send{ask_};
}

release_machine::action release_machine::answered(const protocol::reply& r) {
  const bool found = r.found && r.valid;
  // If the holder is not there although it was ours, an earlier try of this release has removed it; without such a try,
  // somebody else has taken it. A document that is not a lock any more does not count as released.
  const bool released = found || (in_doubt_ && !r.found);
  return done{.what = released ? result::released : result::lost, .cancel = doubtful_ || !found};
}

release_machine::action release_machine::unanswered(bool in_doubt, ms now) {
  in_doubt_ = in_doubt_ || in_doubt;
  if (now + pause_.peek() >= until_) return done{.what = result::unknown};
  return wait{now + pause_.next()};
}

release_machine::action release_machine::give_up() const {
  return done{.what = result::unknown};
}

}  // namespace dlock::engine
