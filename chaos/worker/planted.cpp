#include "planted.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

namespace chaos {
namespace {

using dlock::bug;

constexpr std::array kBugs{
    planted_bug{bug::w1, "w1", "a write counts when one member has it: an election may take it back"},
    planted_bug{bug::ignore_write_concern_error, "ignore-write-concern-error",
                "an answer counts although no majority has it"},
    planted_bug{bug::renew_no_owner, "renew-no-owner",
                "a renewal moves whatever holder there is; who renews does not mind its own clock"},
    planted_bug{bug::renew_revives, "renew-revives",
                "a renewal brings back a holder that was gone; who renews does not mind its own clock"},
    planted_bug{bug::release_no_owner, "release-no-owner", "a release removes whoever holds the lock"},
    planted_bug{bug::release_forgets_heirs, "release-forgets-heirs", "nobody tells the heirs of a release"},
    planted_bug{bug::release_drops_heirs, "release-drops-heirs", "the heirs of a release are nowhere afterwards"},
    planted_bug{bug::client_clock_expiry, "client-clock-expiry", "the client's wall clock says what has ended"},
    planted_bug{bug::off_by_one_takeover, "off-by-one-takeover", "a lease ends for others before it ends"},
    planted_bug{bug::until_backwards, "until-backwards", "a renewal makes the lease shorter"},
    planted_bug{bug::late_lost, "late-lost", "a holder counts on its lease for one lease too long"},
    planted_bug{bug::lease_from_answer, "lease-from-answer",
                "a lease counts from the answer, however late, not from the request"},
    planted_bug{bug::lost_reply_is_held, "lost-reply-is-held", "no answer to an acquisition is taken for yes"},
    planted_bug{bug::token_reset, "token-reset", "tokens begin again whenever the lock was free"},
    planted_bug{bug::no_confirm_after_stale_wait, "no-confirm-after-stale-wait",
                "an heir takes a grant for new, however old it is"},
    planted_bug{bug::announce_before_commit, "announce-before-commit", "heirs are told of grants that no majority has"},
    planted_bug{bug::no_poll_fallback, "no-poll-fallback", "who waits never looks by itself"},
    planted_bug{bug::fresh_id_on_retry, "fresh-id-on-retry",
                "what got no answer is asked again with another id, and not undone"},
    planted_bug{bug::no_tombstone, "no-tombstone", "a request that comes after its cancel is carried out"},
    planted_bug{bug::heartbeat_appends, "heartbeat-appends", "a heartbeat of somebody who left joins the queue"},
    planted_bug{bug::heir_for_ever, "heir-for-ever", "an heir that died keeps the lock for a day"},
    planted_bug{bug::amend_unnumbered, "amend-unnumbered",
                "a late copy of what a leader published undoes a later value"},
    planted_bug{bug::lifo, "lifo", "last come, first served"},
    planted_bug{bug::try_barges, "try-barges", "a try passes those who wait"},
    planted_bug{bug::readers_pass_writers, "readers-pass-writers", "readers queue before writers"},
    planted_bug{bug::writer_beside_readers, "writer-beside-readers", "a writer is admitted beside readers"},
    planted_bug{bug::one_permit_more, "one-permit-more", "a semaphore of N has N + 1 permits"},
    planted_bug{bug::semaphore_release_leaks, "semaphore-release-leaks", "of several permits one is not given back"},
    planted_bug{bug::short_form_blind, "short-form-blind", "the short form takes a lock without looking"},
    planted_bug{bug::acquire_all_unordered, "acquire-all-unordered",
                "several locks are acquired in the order given: a deadlock"},
    planted_bug{bug::missing_literal, "missing-literal", "what users write can be an expression of the server's"},
    planted_bug{bug::child_releases, "child-releases", "a forked child can release its parent's lock"},
};

}  // namespace

std::span<const planted_bug> planted_bugs() {
  return kBugs;
}

std::optional<bug> chosen_bug() {
  const char* name = std::getenv("DLOCK_PLANTED");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  if (name == nullptr || *name == '\0') return std::nullopt;
  for (const auto& each : kBugs) {
    if (std::string_view(each.name) == name) return each.what;
  }
  throw std::invalid_argument("DLOCK_PLANTED: there is no bug named '" + std::string(name) +
                              "'; chaos-worker --list-bugs names them");
}

}  // namespace chaos

namespace dlock {

bool planted(bug which) noexcept {
  static const auto chosen = [] {
    try {
      return chaos::chosen_bug();
    } catch (const std::exception& e) {  // a run without it would prove the wrong thing
      std::fprintf(stderr, "%s\n", e.what());
      std::abort();
    }
  }();
  return chosen == which;
}

bool planted_in_renewals() noexcept {
  return planted(bug::renew_no_owner) || planted(bug::renew_revives);
}

}  // namespace dlock
