#pragma once

#include <rapidcheck.h>

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "protocol/document.hpp"

/// Random documents and requests. Times lie close together, so that boundaries (`until == now - skew`) are hit often.
namespace dlock::testing {

/// One transition to try: a document, a request and the server's clock.
struct scenario {
  std::optional<protocol::document> before;  // empty: there is none
  std::vector<protocol::waiter> admitted;    // stored at the head of the queue although they were admitted
  bool emptied = false;                      // and somebody emptied the queue by hand, and left their number
  bool sparse = false;                       // stored without what is empty or zero
  std::string not_a_lock;                    // JSON; if not empty, stored instead: a document that is no lock
  protocol::request request;
  std::vector<protocol::request> more;  // that go together with it
  protocol::ms now = 0;
};
std::ostream& operator<<(std::ostream& out, const scenario& s);

/// Documents of every shape, reachable or not: expired entries, tombstones, mongo-dlock's claims of every kind.
[[nodiscard]] rc::Gen<scenario> arbitrary_scenario();

/// Documents that sequences of operations lead to, from no document at all.
[[nodiscard]] rc::Gen<scenario> reachable_scenario();

/// Locks of observed expiry, at whose entries time and others have worked; some are of the other expiry.
[[nodiscard]] rc::Gen<scenario> observed_scenario();

/// Requests that know nothing of observed expiry, on locks that have it.
[[nodiscard]] rc::Gen<scenario> other_expiry_scenario();

/// Documents that somebody else keeps in the collection.
[[nodiscard]] rc::Gen<scenario> other_document_scenario();

/// Locks with damaged entries: somebody worked on them by hand.
[[nodiscard]] rc::Gen<scenario> damaged_scenario();

/// These, but for observed expiry itself, mixed.
[[nodiscard]] rc::Gen<scenario> any_scenario();

/// Requests that have a short form, most of them on documents for which it is meant.
[[nodiscard]] rc::Gen<scenario> short_scenario();
/// The same for the express form.
[[nodiscard]] rc::Gen<scenario> express_scenario();

/// Several requests that go together.
[[nodiscard]] rc::Gen<scenario> batch_scenario();

/// Renewals of several holders, of whom some may be gone.
[[nodiscard]] rc::Gen<scenario> renewals_scenario();

/// A step of a lock's history: time passes (or seems to run backwards, as a stale $$NOW does), then somebody acts.
struct step {
  protocol::ms passes = 0;
  std::optional<protocol::request> request;  // empty: a mongo-dlock client takes or frees the lock
};
[[nodiscard]] rc::Gen<std::vector<step>> history();

/// A mongo-dlock client at work, by its own rules: takes the lock if its `et` is over, else gives it back.
[[nodiscard]] std::optional<protocol::document> by_mongo_dlock(std::optional<protocol::document> d, protocol::ms now);

}  // namespace dlock::testing
