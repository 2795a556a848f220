#include "doctor_report.hpp"

#include <algorithm>
#include <cstddef>

#include <nlohmann/json.hpp>

namespace dlock::cli {

namespace {

using report_json = nlohmann::ordered_json;

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

std::string doctor_line(const dlock::diagnosis& d) {
  constexpr std::size_t level = 9, check = 15;
  std::string line = padded(d.level == dlock::severity::finding ? "FINDING" : to_string(d.level), level) +
                     padded(d.check, check) + d.what;
  if (!d.consequence.empty()) line += "; " + d.consequence;
  if (!d.command.empty()) line += "; to mend it: " + d.command;
  return line + "\n";
}

report_json text_or_null(const std::string& text) {
  return text.empty() ? report_json(nullptr) : report_json(text);
}

double in_milliseconds(std::chrono::microseconds time) {
  return static_cast<double>(time.count()) / 1000;
}

report_json member_json(const dlock::member_info& m) {
  const auto known = [&](std::chrono::microseconds time) {
    return m.clock_precision.count() == 0 ? report_json(nullptr) : report_json(in_milliseconds(time));
  };
  return {{"host", m.host},
          {"state", to_string(m.state)},
          {"version", text_or_null(m.version)},
          {"reachable", m.reachable},
          {"problem", text_or_null(m.problem)},
          {"round_trip_ms", known(m.round_trip)},
          {"clock_offset_ms", known(m.clock_offset)},
          {"clock_precision_ms", known(m.clock_precision)}};
}

std::size_t count_of(const dlock::examination& seen, dlock::severity level) {
  return static_cast<std::size_t>(std::count_if(seen.diagnoses.begin(), seen.diagnoses.end(),
                                                [&](const auto& each) { return each.level == level; }));
}

std::string number_of(std::size_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

}  // namespace

dlock::severity worst_of(const dlock::examination& seen) {
  auto worst = dlock::severity::ok;
  for (const auto& each : seen.diagnoses) worst = std::max(worst, each.level);
  return worst;
}

std::string doctor_text(const dlock::examination& seen) {
  std::string out;
  for (const auto& each : seen.diagnoses) out += doctor_line(each);
  return out + number_of(count_of(seen, dlock::severity::finding), "finding") + ", " +
         number_of(count_of(seen, dlock::severity::hint), "hint") + "\n";
}

std::string doctor_json(const dlock::examination& seen) {
  report_json checks = report_json::array();
  for (const auto& d : seen.diagnoses) {
    checks.push_back({{"check", d.check},
                      {"level", to_string(d.level)},
                      {"what", d.what},
                      {"consequence", text_or_null(d.consequence)},
                      {"command", text_or_null(d.command)}});
  }
  report_json members = report_json::array();
  for (const auto& each : seen.members) members.push_back(member_json(each));
  const report_json out{
      {"level", to_string(worst_of(seen))},
      {"checks", std::move(checks)},
      {"members", std::move(members)},
      {"hand_off_ms", seen.hand_off ? report_json(in_milliseconds(*seen.hand_off)) : report_json(nullptr)}};
  constexpr bool ascii = true;
  return out.dump(2, ' ', ascii, report_json::error_handler_t::replace) + "\n";
}

}  // namespace dlock::cli
