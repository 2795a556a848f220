#include "runtime/errors.hpp"

#include "protocol/plausible.hpp"
#include "util/text.hpp"

namespace dlock::detail {
namespace {

const char* remedy(errc code) {
  switch (code) {
    case errc::unavailable:
      return "try again when it is reachable";
    case errc::not_authorized:
      return "grant find, insert and update on the collection";
    case errc::authentication:
      return "check user, password and authSource in the URL";
    case errc::unsupported_server:
      return "upgrade the server to MongoDB 4.4 or newer";
    default:
      return "the same call fails again until that is mended; the server's log may say more";
  }
}

}  // namespace

void fail_not_a_lock(const std::string& doing, const client_options& options, const std::string& lock,
                     const std::string& defect) {
  const std::string where = options.db + "." + options.coll;
  if (defect.empty()) {
    throw error(errc::not_a_lock, doing + ": the document with this _id in " + where +
                                      " is not a lock; it was left as it is. Choose another id or collection");
  }
  if (defect == protocol::strange_holder) {
    throw error(errc::not_a_lock,
                doing + ": it was granted, but its entry in " + where +
                    " has an impossible fencing token (0, negative, or a year or more ahead of the "
                    "server's clock); it was given back. If the server's clock is right, it was edited "
                    "by hand; acquire it again");
  }
  throw error(errc::not_a_lock,
              doing + ": the document with this _id in " + where + " is not a lock, because its field " + defect +
                  " has an impossible value (negative, too large, or a year or more ahead of the server's clock); it "
                  "was left as it is. If the server's clock is right, it was written by hand; to mend it: "
                  "db.getSiblingDB(\"" +
                  options.db + "\")[\"" + options.coll + "\"].updateOne({_id: " + in_quotes(lock) + "}, {$unset: {" +
                  defect + ": 1}})" + (defect == "fence" ? "; the tokens then go on from the server's clock" : ""));
}

void fail_other_expiry(const std::string& doing, bool observed) {
  if (observed) {
    throw error(errc::configuration, doing +
                                         ": it is in use with expiry server_clock (or by mongo-dlock), not with "
                                         "observed; use the same everywhere, or wait until it is free");
  }
  throw error(errc::configuration, doing +
                                       ": it is a lock with expiry observed, not with server_clock; use the same "
                                       "everywhere, or delete its document while nobody uses it");
}

void fail(const std::string& doing, const answer& a, bool in_doubt) {
  const bool unavailable = a.code == errc::unavailable;
  throw error(a.code,
              doing + (unavailable ? ": no answer from the server in time: " : ": ") + a.why + "; " + remedy(a.code),
              {.retryable = unavailable, .in_doubt = in_doubt, .server_code = a.server_code});
}

}  // namespace dlock::detail
