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

}  // namespace

std::string event_line(const dlock::lock_event& event) {
  std::string line = iso(event.at) + "  ";
  if (event.what == event_kind::gap) return line + "gap       events may have been missed\n";
  line += event.what == event_kind::locked ? "locked    " : "unlocked  ";
  line += printable(event.id) + "  ";
  if (event.token != 0) line += "token " + std::to_string(event.token) + "  ";
  return line + who(event) + "\n";
}

std::string event_json(const dlock::lock_event& event) {
  nlohmann::ordered_json out{{"at", iso(event.at)},
                             {"event", dlock::to_string(event.what)},
                             {"id", nullptr},
                             {"token", nullptr},
                             {"who", nullptr}};
  if (event.what != event_kind::gap) out["id"] = event.id;
  if (event.token != 0) out["token"] = event.token;
  if (!event.who.empty()) out["who"] = event.who;
  constexpr bool ascii = true;
  return out.dump(-1, ' ', ascii, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace dlock::cli
