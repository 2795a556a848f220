#pragma once

/// @file
/// The servers of a deployment: client::members(). For monitoring, and for people on call.

#include <chrono>
#include <string>

#include <dlock/export.hpp>

namespace dlock {

/// State of a server, as it says itself.
enum class member_state {
  primary,     ///< The primary of the replica set: it executes all commands of locks.
  secondary,   ///< A secondary.
  arbiter,     ///< It votes, but has no data, so it acknowledges no write.
  mongos,      ///< A router of a sharded cluster.
  standalone,  ///< Not in a replica set: it can lose acknowledged writes when it crashes.
  other,       ///< In a replica set, but none of these: it is starting or recovering, or was removed.
  unknown,     ///< It gave no answer.
};

/// Name of a state. Does not block, does not fail, thread-safe.
/// @param value The state.
/// @return Static text: "primary", "secondary", "arbiter", "mongos", "standalone", "other", "unknown".
DLOCK_API [[nodiscard]] const char* to_string(member_state value) noexcept;

/// A server of the deployment. A snapshot.
///
/// The clocks of two members differ by the difference of their clock_offset, give or take the sum of their
/// clock_precision.
struct member_info {
  std::string host;                            ///< "host:port", as the set's configuration has it.
  member_state state = member_state::unknown;  ///< Its state.
  std::string version;                         ///< "7.0.12", or "8.1" if the server tells no more; "" if unknown.
  bool reachable = false;                      ///< It gave an answer. If not, only `host` and `problem` are filled.
  std::string problem;                         ///< Why it is not reachable: one line, without secrets; else "".
  std::chrono::microseconds round_trip{0};     ///< Time of one command: the shorter of two.
  std::chrono::microseconds clock_offset{0};   ///< Its clock minus this machine's: positive if it is ahead.
  /// By how much clock_offset may be wrong: a little more than half of round_trip plus 0.5 ms.
  std::chrono::microseconds clock_precision{0};
};

}  // namespace dlock
