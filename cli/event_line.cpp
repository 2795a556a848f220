#include "event_line.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>

#include <nlohmann/json.hpp>

#include "text.hpp"

namespace dlock::cli {

namespace {

using kind = dlock::lock_event::kind;

std::string iso(std::chrono::system_clock::time_point at) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(at);
  const auto rest = std::chrono::floor<std::chrono::milliseconds>(at - whole);
  const std::time_t seconds = std::chrono::system_clock::to_time_t(whole);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 32> date{};
  const std::size_t size = std::strftime(date.data(), date.size(), "%FT%T", &utc);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(rest.count()));
  return std::string(date.data(), size) + fraction.data();
}

const char* name_of(kind what) {
  return what == kind::locked ? "locked" : what == kind::unlocked ? "unlocked" : "gap";
}

std::string who(const dlock::lock_event& event) {
  if (event.token == 0) return "a mongo-dlock (node) client";
  return event.who.empty() ? "somebody" : printable(event.who);
}

}  // namespace

std::string event_line(const dlock::lock_event& event) {
  std::string line = iso(event.at) + "  ";
  if (event.what == kind::gap) return line + "gap       events may have been missed\n";
  line += event.what == kind::locked ? "locked    " : "unlocked  ";
  line += printable(event.id) + "  ";
  if (event.token != 0) line += "token " + std::to_string(event.token) + "  ";
  return line + who(event) + "\n";
}

std::string event_json(const dlock::lock_event& event) {
  nlohmann::ordered_json out{
      {"at", iso(event.at)}, {"event", name_of(event.what)}, {"id", nullptr}, {"token", nullptr}, {"who", nullptr}};
  if (event.what != kind::gap) out["id"] = event.id;
  if (event.token != 0) out["token"] = event.token;
  if (!event.who.empty()) out["who"] = event.who;
  constexpr bool ascii = true;
  return out.dump(-1, ' ', ascii, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace dlock::cli
