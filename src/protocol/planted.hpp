#pragma once

#ifdef DLOCK_PLANTED_BUGS
#include <string>
#endif

/// Bugs for the chaos harness to find: what a harness does not find in a library that has them, it would not find in
/// one that has them by accident. chaos/worker/planted.cpp says what each one does. They are there in a build with
/// DLOCK_PLANTED_BUGS only (chaos/CMakeLists.txt), and one at a time, by name. Elsewhere nothing of them is compiled.
namespace dlock {

enum class bug {
  w1,
  ignore_write_concern_error,
  renew_no_owner,
  renew_revives,
  release_no_owner,
  release_forgets_heirs,
  release_drops_heirs,
  client_clock_expiry,
  off_by_one_takeover,
  until_backwards,
  late_lost,
  lease_from_answer,
  lost_reply_is_held,
  token_reset,
  no_confirm_after_stale_wait,
  announce_before_commit,
  no_poll_fallback,
  fresh_id_on_retry,
  no_tombstone,
  heartbeat_appends,
  heir_for_ever,
  amend_unnumbered,
  lifo,
  try_barges,
  readers_pass_writers,
  writer_beside_readers,
  one_permit_more,
  semaphore_release_leaks,
  short_form_blind,
  acquire_all_unordered,
  missing_literal,
  child_releases,
};

#ifdef DLOCK_PLANTED_BUGS
/// Whether it was asked for. The first call reads the environment.
[[nodiscard]] bool planted(bug which) noexcept;
/// A stage of an update pipeline, with the bug that was asked for, if that is one of such a stage.
[[nodiscard]] std::string stage_text(std::string stage);
/// It is one of the full form of the commands: the short form must not hide it.
[[nodiscard]] bool planted_in_full_form() noexcept;
/// It is one of renewals: it could not show in a client that gives a lease up by its own clock.
[[nodiscard]] bool planted_in_renewals() noexcept;
#else
consteval bool planted(bug) noexcept {
  return false;
}
consteval bool planted_in_renewals() noexcept {
  return false;
}
consteval bool planted_in_full_form() noexcept {
  return false;
}
template <typename Text>
constexpr const Text& stage_text(const Text& stage) noexcept {
  return stage;
}
#endif

}  // namespace dlock
