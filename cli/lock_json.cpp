#include "lock_json.hpp"

#include <chrono>

#include <nlohmann/json.hpp>

#include "timestamp.hpp"

namespace dlock::cli {

namespace {

using json = nlohmann::ordered_json;

template <class Value>
json or_null(bool known, const Value& value) {
  return known ? json(value) : json(nullptr);
}

json to_json(const dlock::lock_holder& holder) {
  return {{"who", or_null(!holder.who.empty(), holder.who)},
          {"mode", dlock::to_string(holder.mode)},
          {"permits", or_null(holder.mode == dlock::lock_mode::permits, holder.permits)},
          {"token", or_null(holder.token != 0, holder.token)},
          {"since", iso(holder.since)},
          {"until", iso(holder.until)},
          {"expired", holder.expired},
          {"revoked", holder.revoked},
          {"foreign", holder.foreign},
          {"kept", holder.kept},
          {"lingering", holder.lingering},
          {"value", or_null(!holder.value.empty(), holder.value)}};
}

json to_json(const dlock::lock_waiter& waiter) {
  return {{"who", or_null(!waiter.who.empty(), waiter.who)},
          {"mode", dlock::to_string(waiter.mode)},
          {"permits", or_null(waiter.mode == dlock::lock_mode::permits, waiter.permits)},
          {"since", iso(waiter.since)},
          {"value", or_null(!waiter.value.empty(), waiter.value)}};
}

json to_json(const dlock::past_run& run) {
  const bool is_over = run.end != dlock::run_end::unknown;
  return {{"who", or_null(!run.who.empty(), run.who)},
          {"token", or_null(run.token != 0, run.token)},
          {"began", iso(run.ended - run.took)},
          {"ended", is_over ? json(iso(run.ended)) : json(nullptr)},
          {"took", or_null(is_over, static_cast<double>(run.took.count()) / 1000)},
          {"end", dlock::to_string(run.end)},
          {"status", or_null(is_over, run.status)}};
}

json to_json(const dlock::lock_state& lock) {
  json holders = json::array();
  for (const dlock::lock_holder& each : lock.holders) holders.push_back(to_json(each));
  json expired = json::array();
  for (const dlock::lock_holder& each : lock.expired) expired.push_back(to_json(each));
  json waiters = json::array();
  for (const dlock::lock_waiter& each : lock.waiters) waiters.push_back(to_json(each));
  return {{"id", lock.id},
          {"permits", or_null(lock.permits > 0, lock.permits)},
          {"token", or_null(lock.token != 0, lock.token)},
          {"at", iso(lock.at)},
          {"expiry", lock.expiry == dlock::expiry::observed ? "observed" : "clock"},
          {"holders", std::move(holders)},
          {"waiters", std::move(waiters)},
          {"expired", std::move(expired)}};
}

std::string in_one_line(const json& value) {
  constexpr bool ascii = true;
  return value.dump(-1, ' ', ascii, json::error_handler_t::replace);
}

std::string written(const json& value) {
  constexpr bool ascii = true;
  return value.dump(2, ' ', ascii, json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string locks_json(const std::vector<dlock::lock_state>& locks) {
  json out = json::array();
  for (const dlock::lock_state& each : locks) out.push_back(to_json(each));
  return written(out);
}

std::string lock_json(const std::optional<dlock::lock_state>& lock, const std::vector<dlock::past_run>& runs) {
  if (!lock) return written(nullptr);
  json out = to_json(*lock);
  out["history"] = json::array();
  for (const dlock::past_run& each : runs) out["history"].push_back(to_json(each));
  return written(out);
}

std::string lock_line(const dlock::lock_state& lock) {
  return in_one_line(to_json(lock));
}

std::string runs_line(const std::vector<dlock::past_run>& runs) {
  json out = json::array();
  for (const dlock::past_run& each : runs) out.push_back(to_json(each));
  return in_one_line(out);
}

std::string id_json(const std::string& id) {
  return in_one_line(json(id));
}

}  // namespace dlock::cli
