#pragma once

/// @file
/// The doctor: examine() finds what is wrong, or will go wrong, with the servers, the rights and the collections that a
/// client would use. The command `dlock doctor` prints it.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <dlock/export.hpp>
#include <dlock/members.hpp>
#include <dlock/options.hpp>

namespace dlock {

/// Weight of a diagnosis.
enum class severity {
  ok,       ///< Nothing is wrong.
  hint,     ///< Worth knowing. Nothing has to be done.
  finding,  ///< Something is wrong.
};

/// Name of a severity. Does not block, does not fail, thread-safe.
/// @param value The severity.
/// @return Static text: "ok", "hint", "finding".
DLOCK_API [[nodiscard]] const char* to_string(severity value) noexcept;

/// Result of one check. All texts are one line, printable() (text.hpp), and without secrets.
struct diagnosis {
  std::string check;              ///< Name of the check, such as "clocks": docs/doctor.md lists them.
  severity level = severity::ok;  ///< How bad it is.
  std::string what;               ///< What was seen.
  std::string consequence;        ///< What follows from it for locks; "" if ok.
  std::string command;            ///< What mends it: a command for mongosh or a shell, or a step; else "".
};

/// What examine() does besides looking.
struct examine_options {
  /// Whether a canary is sent: a lock of its own is acquired, passes from one client to another, and is released. Then
  /// its document is removed, if the user may do that; if not, the TTL index removes it.
  bool write = false;
};

/// What examine() found.
struct examination {
  std::vector<diagnosis> diagnoses;  ///< At least one for each check that could be made.
  std::vector<member_info> members;  ///< The servers: see client::members().
  bool tls = false;                  ///< Whether the URL asks for TLS.
  /// Time from the release by one client to the grant of the other one, if a canary was sent and arrived.
  std::optional<std::chrono::microseconds> hand_off;
};

/// Examines the deployment that a client with these options would use: members, clocks, versions, rights, the TTL
/// index, the notifications, the documents. It makes no client, because a client repairs some of this, and refuses to
/// start if it finds other parts of it. Without examine_options::write, it changes nothing.
///
/// It needs no rights of its own. What the user may not see is said as a hint, or as a finding if a client needs it.
///
/// Thread-safe.
/// @par Blocking
/// Blocks for at most 5 s, also if some members are down. With examine_options::write, it takes some seconds more if
/// the server gives no answers meanwhile: at most 30 s in all.
/// @param options Options of the client. `connect_timeout`, `operation_timeout` and `exp_delta` do not matter.
/// @param how What it does besides looking.
/// @return All diagnoses, in the order in which docs/doctor.md lists the checks.
/// @throws dlock::error with errc::invalid_argument if an option is not valid.
/// @throws dlock::error with errc::unavailable (retryable) if no server gave an answer.
/// @throws dlock::error with errc::authentication if the credentials were refused or a certificate is not trusted.
DLOCK_API [[nodiscard]] examination examine(const client_options& options, const examine_options& how = {});

}  // namespace dlock
