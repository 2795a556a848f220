#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/health_machine.hpp"
#include "engine/hold_machine.hpp"
#include "protocol/acquire.hpp"
#include "protocol/answer.hpp"
#include "protocol/document.hpp"
#include "protocol/event.hpp"
#include "protocol/lookup.hpp"

/// What the engine's client tells its driver.
namespace dlock::engine {

using protocol::ms;

/// Numbers of the calls of a client, and of its holds. No number is used twice.
using call_id = std::uint64_t;
using hold_id = std::uint64_t;

enum class hold_phase { held, releasing, in_doubt, released, lost };

/// An acquisition is over.
struct acquire_ended {
  using result = protocol::acquire_machine::result;
  call_id call = 0;
  result what = result::busy;
  bool refused = false;       // the server refused it, `failure` says why; then `what` means nothing
  hold_id got = 0;            // acquired: the new hold
  protocol::reply last = {};  // the last answer
  answer failure = {};        // why the last request got no answer
  bool in_doubt = false;
  std::string missing = {};  // no_answer: what is missing, for people
  ms waited = 0;             // since the beginning of the call
  int row = 0;               // of its plan
};

/// An acquisition stands in the queue, and goes on.
struct waiting {
  call_id call = 0;
  protocol::reply last = {};
};

struct release_ended {
  enum class result { released, lost, not_held, unknown };  // unknown: it is repeated in the background
  call_id call = 0;
  result what = result::not_held;
  answer failure = {};  // unknown: why the last request got no answer
};

/// A single command (ask, read, amend, revoke) is over.
struct ask_ended {
  enum class result {
    answered,
    not_a_lock,  // `told` says why
    failed,      // no answer in time, or refused
    closed,
  };
  enum class amended { done, not_held, lost, edited };  // edited: somebody edited the entry; nothing was changed
  call_id call = 0;
  result what = result::failed;
  protocol::reply told = {};
  std::vector<protocol::snapshot> seen = {};  // for a lookup
  amended change = amended::done;             // for an amend
  answer failure = {};
  bool in_doubt = false;
};

/// A hold has changed.
struct hold_changed {
  hold_id hold = 0;
  hold_phase now = hold_phase::held;
  ms valid_until = 0;
  // lost:
  loss why = loss::gone;
  std::string by = {};          // revoked: by whom
  bool after_use = false;       // only the release of its owner has found that
  std::optional<ms> used = {};  // with this change its owner's use of the lock ends, after so long
  int row = 0;                  // of the plan of its owner
};

/// A renewal was answered, or will not be.
struct renewal_ended {
  enum class result {
    renewed,
    no_answer,  // or it was refused: it is repeated while the lease lasts
    late,       // the lease had ended before the answer came
    lost,       // it is not ours any more
  };
  result what = result::renewed;
  ms left = 0;  // what was left of the lease before this answer
};

/// Another leader, another value, or nobody leads. The driver tells the observer, and then calls client::leader_told().
struct leader_changed {
  call_id observer = 0;
  std::optional<protocol::holder> leader = {};
};

/// For the subscribers of this client, in this order.
struct subscriber_event {
  std::optional<protocol::announcement> what = {};  // none: a gap
};

/// For the log: a part of the notifications works again, or does not work.
struct notifications_changed {
  part which = part::inbox;
  bool works = false;
  std::string why = {};  // why not
};

/// For the log.
struct trouble {
  enum class kind {
    no_answer,       // a request of an acquisition got no answer, for the first time in a row
    no_renewal,      // a lease could not be renewed, for the first time in a row
    no_peek,         // the same for a peek after a notice
    no_leader_seen,  // an election could not be read for an observer
    unconfirmed,     // whether a majority has a release is not known, and it is not asked for any more
  };
  kind what = kind::no_answer;
  std::string lock = {};
  std::string why = {};
  // no_renewal:
  hold_id hold = 0;
  ms left = 0;  // of its lease
};

using event = std::variant<acquire_ended, waiting, release_ended, ask_ended, hold_changed, renewal_ended,
                           leader_changed, subscriber_event, notifications_changed, trouble>;

}  // namespace dlock::engine
