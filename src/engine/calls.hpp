#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "engine/backoff.hpp"
#include "engine/events.hpp"
#include "engine/observe_machine.hpp"
#include "engine/release_machine.hpp"
#include "engine/timers.hpp"
#include "protocol/acquire.hpp"
#include "protocol/answer.hpp"
#include "protocol/document.hpp"
#include "protocol/lookup.hpp"

/// What the engine knows of its calls, until they are over. `request`: the number of the request of this call that
/// waits to be sent, or is on its way; 0: there is none.
namespace dlock::engine {

struct acquisition {
  protocol::acquire_plan plan;
  protocol::acquire_machine steps;
  bool tells_place = false;
  std::uint64_t request = 0;
  std::string expected = {};
  bool foreign = false;  // it waits behind mongo-dlock
  bool nudge = false, foreign_nudge = false;
  answer failure = {};
  std::size_t undone = 0;
  ms began = 0;
  ms due = never;                             // the time of its next poll
  bool waits = false;                         // locally, for its turn
  bool contact = false;                       // waits: the server need not answer soon any more
  std::optional<acquire_ended> leaving = {};  // it is leaving the queue, and this will be its event
};

struct releasing {
  hold_id hold = 0;
  release_machine steps;
  std::uint64_t request = 0;
  answer failure = {};
  bool passes = false;  // there are enqueues in the same command
};

/// A single command, or a lookup.
struct asking {
  enum class kind { plain, lookup, observe, confirm, amend, revoke, take_off };
  [[nodiscard]] bool only_reads() const noexcept {
    return what == kind::lookup || what == kind::observe || what == kind::confirm;
  }
  kind what = kind::plain;
  protocol::request r = {};
  protocol::lookup lookup = {};
  ms until = 0;
  bool in_doubt = false;
  backoff pause{500};
  std::uint64_t request = 0;
  answer failure = {};
  // observe:
  call_id observer = 0;
  // amend:
  hold_id hold = 0;
  bool publishes = false, tells = false;
  // revoke:
  protocol::holder holder = {};
  bool at_once = false;
};

struct observer {
  std::string election;
  observe_machine steps;
};

}  // namespace dlock::engine
