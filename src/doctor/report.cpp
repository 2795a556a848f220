#include "doctor/report.hpp"

#include <algorithm>
#include <cstdio>

#include <dlock/text.hpp>

namespace dlock {

const char* to_string(severity value) noexcept {
  switch (value) {
    case severity::ok:
      return "ok";
    case severity::hint:
      return "hint";
    case severity::finding:
      return "finding";
  }
  return "unknown";
}

}  // namespace dlock

namespace dlock::doctor {

void report::ok(std::string_view what) {
  add(severity::ok, what, {}, {});
}

void report::hint(std::string_view what, std::string_view consequence, std::string_view command) {
  any_ = true;
  add(severity::hint, what, consequence, command);
}

void report::finding(std::string_view what, std::string_view consequence, std::string_view command) {
  any_ = true;
  add(severity::finding, what, consequence, command);
}

void report::add(severity level, std::string_view what, std::string_view consequence, std::string_view command) {
  diagnosis& d = to_.emplace_back();
  d.check = check_;
  d.level = level;
  d.what = printable(what);
  d.consequence = printable(consequence);
  d.command = printable(command);
}

std::string js(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string js(const std::string& db, const std::string& coll) {
  return "db.getSiblingDB(" + js(db) + ").getCollection(" + js(coll) + ")";
}

std::string listed(const std::vector<std::string>& names, std::size_t most) {
  std::string out;
  const std::size_t shown = names.size() > most ? most : names.size();
  for (std::size_t i = 0; i < shown; ++i) {
    const bool last = i > 0 && i + 1 == names.size();
    out += (i == 0 ? "" : last ? " and " : ", ") + names[i];
  }
  if (shown < names.size()) out += " and " + std::to_string(names.size() - shown) + " more";
  return out;
}

std::string counted(std::int64_t number, const std::string& one, const std::string& many) {
  return std::to_string(number) + " " + (number == 1 ? one : many);
}

std::string in_time(std::chrono::microseconds time) {
  char text[64];
  const double ms = static_cast<double>(time.count()) / 1000;
  if (ms < 1000) {
    std::snprintf(text, sizeof text, "%.1f ms", ms);
  } else {
    std::snprintf(text, sizeof text, "%.2f s", ms / 1000);
  }
  return text;
}

}  // namespace dlock::doctor
