#include "client/answering.hpp"

#include "protocol/planted.hpp"

namespace dlock::detail {
namespace {

constexpr protocol::ms kTombstone = 30000;  // longer than a command can be on its way: every I/O has a shorter limit

}  // namespace

protocol::request cancel_of(protocol::request r, bool in_doubt) {
  r.op = protocol::operation::cancel;
  r.tomb = in_doubt && !planted(bug::no_tombstone) ? kTombstone : 0;
  r.keep = 0;
  r.brief = false;
  return r;
}

void fail_other_expiry(const std::string& doing, const protocol::request& r) {
  if (r.observed) {
    throw error(errc::configuration, doing +
                                         ": it is in use with expiry server_clock (or by mongo-dlock), not with "
                                         "observed; use the same everywhere, or wait until it is free");
  }
  throw error(errc::configuration, doing +
                                       ": it is a lock with expiry observed, not with server_clock; use the same "
                                       "everywhere, or delete its document while nobody uses it");
}

void fail(const std::string& doing, const answer& a, bool in_doubt) {
  switch (a.code) {
    case errc::unavailable:
      throw error(a.code, doing + ": no answer from the server in time: " + a.why + "; try again when it is reachable",
                  {.retryable = true, .in_doubt = in_doubt, .server_code = a.server_code});
    case errc::not_authorized:
      throw error(a.code, doing + ": " + a.why + "; grant find, insert, update and remove on the collection",
                  {.server_code = a.server_code});
    case errc::authentication:
      throw error(a.code, doing + ": " + a.why + "; check user, password and authSource in the URL",
                  {.server_code = a.server_code});
    default:
      throw error(a.code, doing + ": " + a.why, {.in_doubt = in_doubt, .server_code = a.server_code});
  }
}

}  // namespace dlock::detail
