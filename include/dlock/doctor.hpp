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

/// How bad a diagnosis is.
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
  std::string consequence;        ///< What follows from it for locks; "" if nothing does.
  std::string command;            ///< How to mend it: a command for mongosh or a shell, or a step; "" if unknown.
};

/// What examine() does besides looking.
struct examine_options {
  /// Whether a lock of its own is acquired, passed from one client to another, and released (a canary). Afterwards its
  /// document is removed: at once if the user has the right, else by the TTL index.
  bool write = false;
};

/// What examine() found.
struct examination {
  std::vector<diagnosis> diagnoses;  ///< At least one for each check that could be made.
  std::vector<member_info> members;  ///< The servers: see client::members().
  bool tls = false;                  ///< Whether the URL asks for TLS.
  /// Time from the release by one client to the grant of the other one. None without examine_options::write, or if the
  /// canary failed.
  std::optional<std::chrono::microseconds> hand_off;
};

/// Examines the deployment that a client with these options would use: members, clocks, versions, rights, the TTL
/// index, the notifications, the documents. It makes no client: a client would repair some faults, and would not start
/// with others. Without examine_options::write, it changes nothing.
///
/// It needs no rights of its own. What the user has no right to see is reported as a hint, or as a finding if a client
/// needs the right.
/// @par Thread safety
/// Thread-safe.
/// @par Blocking
/// Blocks for at most 5 s, also if some members are down; with examine_options::write for at most 30 s.
/// @param options Options of the client. `connect_timeout`, `operation_timeout` and `exp_delta` do not matter.
/// @param how What it does besides looking.
/// @return All diagnoses, in the order in which docs/doctor.md lists the checks.
/// @throws dlock::error with errc::invalid_argument if an option is not valid.
/// @throws dlock::error with errc::unavailable (retryable) if no server gave an answer in time.
/// @throws dlock::error with errc::authentication if the credentials were refused or a certificate is not trusted.
DLOCK_API [[nodiscard]] examination examine(const client_options& options, const examine_options& how = {});

}  // namespace dlock
