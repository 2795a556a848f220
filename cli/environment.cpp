#include "environment.hpp"

#include <unistd.h>
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "nesting.hpp"
#include "secrets.hpp"

namespace dlock::cli {

namespace {

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_ours(std::string_view name) {
  if (name == "DLOCK_TOKENS" || name == "DLOCK_VALUE" || name == "DLOCK_HELD") return true;
  if (name.starts_with("DLOCK_AT_")) return true;
  constexpr std::array<std::string_view, 3> of_each{"DLOCK_ID", "DLOCK_TOKEN", "DLOCK_OWNER"};
  return std::any_of(of_each.begin(), of_each.end(), [&](std::string_view each) {
    if (!name.starts_with(each)) return false;
    const std::string_view rest = name.substr(each.size());
    return rest.empty() || (rest.starts_with('_') && is_number(rest.substr(1)));
  });
}

/// The number in the name counts from 1.
std::string of_one(const char* name, std::size_t index, const std::string& value) {
  return std::string(name) + "_" + std::to_string(index + 1) + "=" + value;
}

}  // namespace

std::vector<std::string> environment_of(const std::vector<std::string>& ids) {
  std::vector<std::string> out;
  if (ids.size() == 1) out.push_back("DLOCK_ID=" + ids.front());
  for (std::size_t i = 0; i < ids.size(); ++i) out.push_back(of_one("DLOCK_ID", i, ids[i]));
  return out;
}

std::vector<std::string> environment_of(const connection_options& options) {
  std::vector<std::string> out{"DLOCK_AT_DB=" + options.client.db, "DLOCK_AT_COLL=" + options.client.coll};
  if (options.url && !has_password(*options.url)) out.push_back("DLOCK_AT_URL=" + *options.url);
  // The command may change its folder.
  if (options.url_file) {
    std::error_code gone;  // of the present folder: then nobody finds the file either
    const std::filesystem::path file = std::filesystem::absolute(*options.url_file, gone);
    if (!gone) out.push_back("DLOCK_AT_URL_FILE=" + file.string());
  }
  return out;
}

std::vector<std::string> environment_of(const std::vector<grant>& grants) {
  std::vector<std::string> out;
  std::string tokens;
  for (std::size_t i = 0; i < grants.size(); ++i) {
    const std::string token = std::to_string(grants[i].token);
    out.push_back(of_one("DLOCK_TOKEN", i, token));
    out.push_back(of_one("DLOCK_OWNER", i, grants[i].owner));
    if (!tokens.empty()) tokens += ' ';
    tokens += token;
  }
  out.push_back("DLOCK_TOKENS=" + tokens);
  out.push_back(held_for_nested(grants));
  if (grants.size() == 1) {
    out.push_back("DLOCK_TOKEN=" + tokens);
    out.push_back("DLOCK_OWNER=" + grants.front().owner);
  }
  return out;
}

void forget_locks() {
  std::vector<std::string> names;
  for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
    const std::string_view entry = *each;
    const std::string_view name = entry.substr(0, entry.find('='));
    if (is_ours(name)) names.emplace_back(name);
  }
  for (const std::string& name : names) unsetenv(name.c_str());
}

std::vector<held_around> locks_around_us() {
  std::vector<held_around> out;
  const auto add = [&](const std::string& number) {
    const char* const id = std::getenv(("DLOCK_ID" + number).c_str());
    const char* const owner = std::getenv(("DLOCK_OWNER" + number).c_str());
    if (id == nullptr || owner == nullptr || *id == '\0' || *owner == '\0') return false;
    out.push_back({id, owner});
    return true;
  };
  while (add("_" + std::to_string(out.size() + 1))) {
  }
  if (out.empty()) add("");
  return out;
}

}  // namespace dlock::cli
