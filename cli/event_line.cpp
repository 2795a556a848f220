#include "event_line.hpp"

#include <nlohmann/json.hpp>

#include "text.hpp"
#include "timestamp.hpp"

namespace dlock::cli {

namespace {

using event_kind = dlock::lock_event::kind;

std::string who(const dlock::lock_event& event) {
  return event.token == 0 ? foreign_client : name_of_client(event.who);
}

/// "  waited 0.012 s", "  held 6 s, lost", or nothing.
std::string durations(const dlock::lock_event& event) {
  std::string out;
  if (event.waited) out = "  waited " + in_seconds(*event.waited);
  if (event.held) out = "  held " + in_seconds(*event.held);
  if (event.lost) out += out.empty() ? "  lost" : ", lost";
  return out;
}

}  // namespace

std::string event_line(const dlock::lock_event& event) {
  std::string line = iso(event.at) + "  ";
  if (event.what == event_kind::gap) return line + "gap       events may have been missed\n";
  line += event.what == event_kind::locked ? "locked    " : "unlocked  ";
  line += printable(event.id) + "  ";
  if (event.token != 0) line += "token " + std::to_string(event.token) + "  ";
  return line + who(event) + durations(event) + "\n";
}

std::string event_json(const dlock::lock_event& event) {
  nlohmann::ordered_json out{{"at", iso(event.at)}, {"event", dlock::to_string(event.what)},
                             {"id", nullptr},       {"token", nullptr},
                             {"who", nullptr},      {"waited_ms", nullptr},
                             {"held_ms", nullptr},  {"lost", nullptr}};
  if (event.what != event_kind::gap) out["id"] = event.id;
  if (event.token != 0) out["token"] = event.token;
  if (!event.who.empty()) out["who"] = event.who;
  if (event.waited) out["waited_ms"] = event.waited->count();
  if (event.held) out["held_ms"] = event.held->count();
  if (event.what == event_kind::unlocked && event.token != 0) out["lost"] = event.lost;
  constexpr bool ascii = true;
  return out.dump(-1, ' ', ascii, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace dlock::cli
