#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <dlock/doctor.hpp>

namespace dlock::doctor {

/// Collects the diagnoses of one check. Their texts may come from servers and users: they are made printable here.
class report {
 public:
  report(std::vector<diagnosis>& to, std::string_view check) : to_(to), check_(check) {}

  void ok(std::string_view what);
  void hint(std::string_view what, std::string_view consequence, std::string_view command);
  void finding(std::string_view what, std::string_view consequence, std::string_view command);
  /// Whether something else than ok was said.
  [[nodiscard]] bool any() const { return any_; }

 private:
  void add(severity level, std::string_view what, std::string_view consequence, std::string_view command);

  std::vector<diagnosis>& to_;
  std::string check_;
  bool any_ = false;
};

/// A string for mongosh, in its quotes.
[[nodiscard]] std::string js(std::string_view text);
/// db.getSiblingDB("DB").getCollection("COLL")
[[nodiscard]] std::string js(const std::string& db, const std::string& coll);

/// "a, b and 3 more"
[[nodiscard]] std::string listed(const std::vector<std::string>& names, std::size_t most = 3);
/// "1 lock", "2 locks"
[[nodiscard]] std::string counted(std::int64_t number, const std::string& one, const std::string& many);
/// "0.8 ms", "1.25 s"
[[nodiscard]] std::string in_time(std::chrono::microseconds time);

}  // namespace dlock::doctor
