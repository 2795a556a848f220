#include "nesting.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <utility>

#include "hold_socket.hpp"
#include "script.hpp"
#include "text.hpp"

namespace dlock::cli {

/// FNV-1a. The text itself may contain anything, and may be long.
std::string tag_of(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  std::array<char, 18> digits{};
  std::snprintf(digits.data(), digits.size(), "-%016llx", static_cast<unsigned long long>(hash));
  return digits.data();
}

namespace {

using words = std::vector<std::string>;

constexpr const char* held_variable = "DLOCK_HELD";

std::string entry(std::int64_t token, const std::string& id) {
  return std::to_string(token) + tag_of(id);
}

words held_around_us() {
  const char* const text = std::getenv(held_variable);
  std::istringstream in(text != nullptr ? text : "");
  words found;
  for (std::string word; in >> word;) found.push_back(word);
  return found;
}

/// What each `dlock hold` of a process around this one holds of `ids`.
words held_by_scripts(const dlock::client_options& where, const words& ids) {
  words found;
  for (const process& around : ancestors()) {
    for (const std::string& id : ids) {
      const auto token = token_held_by(around, {.db = where.db, .coll = where.coll, .id = id});
      if (token) found.push_back(entry(*token, id));
    }
  }
  return found;
}

/// What the dlocks around this one hold of a lock.
struct share {
  std::int64_t token = 0;
  lock_mode mode = lock_mode::exclusive;
  std::int64_t permits = 0;  // the sum
};

std::optional<share> share_of(const lock_state& lock, const words& held) {
  std::optional<share> ours;
  for (const lock_holder& each : lock.holders) {
    const bool is_ours = std::find(held.begin(), held.end(), entry(each.token, lock.id)) != held.end();
    if (!is_ours || each.kept || each.foreign || each.expired) continue;
    ours = share{each.token, each.mode, each.permits + (ours ? ours->permits : 0)};
  }
  return ours;
}

bool is_in_our_way(const share& ours, const lock_state& lock, const wish& how) {
  if (ours.mode == lock_mode::permits) return how.mode != ours.mode || ours.permits + how.take > lock.permits;
  if (ours.mode == lock_mode::exclusive || how.mode != lock_mode::shared) return true;
  // A waiter that wants the lock exclusively waits for our own share, and this dlock would stand in the queue behind
  // it.
  return std::any_of(lock.waiters.begin(), lock.waiters.end(),
                     [](const lock_waiter& each) { return each.mode == lock_mode::exclusive; });
}

void check(const dlock::client& client, const words& ids, const wish& how, const words& held) {
  for (const std::string& id : ids) {
    std::optional<lock_state> lock;
    try {
      lock = client.inspect(id);
    } catch (const dlock::error&) {  // acquiring reports the error
      return;
    }
    const auto ours = lock ? share_of(*lock, held) : std::nullopt;
    if (!ours || !is_in_our_way(*ours, *lock, how)) continue;
    throw failure("would wait for itself: it was started under another dlock, which holds " + in_quotes(id) +
                  " (token " + std::to_string(ours->token) +
                  "); take the lock once, or end a 'dlock hold' before by its --end, or unset DLOCK_HELD if the "
                  "command of a 'dlock run' does not wait for this one");
  }
}

}  // namespace

std::string held_for_nested(const std::vector<grant>& grants) {
  std::string out = std::string(held_variable) + "=";
  for (const std::string& each : held_around_us()) out += each + " ";
  for (const grant& each : grants) out += entry(each.token, each.id) + " ";
  out.pop_back();
  return out;
}

void refuse_to_wait_for_oneself(const dlock::client& client, const dlock::client_options& where,
                                const std::vector<std::string>& ids, wish how, dlock::wait_options& wait) {
  if (wait.timeout && *wait.timeout <= std::chrono::milliseconds(0)) return;
  words held = held_around_us();
  const words by_scripts = held_by_scripts(where, ids);
  held.insert(held.end(), by_scripts.begin(), by_scripts.end());
  words also_around;
  for (const std::string& id : ids) {
    const auto names_it = [end = tag_of(id)](const std::string& each) { return each.ends_with(end); };
    if (std::any_of(held.begin(), held.end(), names_it)) also_around.push_back(id);
  }
  if (also_around.empty()) return;
  const auto look = [&client, also_around, how, held] { check(client, also_around, how, held); };
  look();
  wait.on_wait = [look, tell = std::move(wait.on_wait)](const dlock::wait_status& status) {
    if (tell) tell(status);
    look();
  };
}

}  // namespace dlock::cli
