#pragma once

#include <string>

#include <dlock/events.hpp>

namespace dlock::cli {

/// One line for people, with the newline:
/// "2026-11-24T01:02:03.456Z  locked    some-task  token 1790000000000000  web1:4711 rsync  waited 0.012 s"
[[nodiscard]] std::string event_line(const dlock::lock_event& event);

/// One JSON object for programs, in ASCII, with the newline. Unknown values are null. Bytes that are not UTF-8 become
/// U+FFFD.
[[nodiscard]] std::string event_json(const dlock::lock_event& event);

}  // namespace dlock::cli
