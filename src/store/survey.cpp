#include "store/survey.hpp"

#include <algorithm>
#include <utility>

#include "protocol/command_parts.hpp"
#include "protocol/document.hpp"
#include "protocol/plausible.hpp"
#include "protocol/read.hpp"
#include "protocol/reply.hpp"

namespace dlock {
namespace {

/// What tells a lock from another document stays as it is. Lists become their sizes, because a queue may have
/// megabytes.
constexpr const char* kSummaries = R"([{"$replaceWith": {
  "_id": "$_id", "now": "$$NOW", "bytes": {"$bsonSize": "$$ROOT"},
  "et": "$et", "ct": "$ct", "mine": "$mine", "observed": "$observed",
  "fence": "$fence", "rev": "$rev", "cap": "$cap", "admitted": "$admitted",
  "holders": {"$cond": [{"$isArray": "$holders"}, [], "$holders"]},
  "waiters": {"$cond": [{"$isArray": "$waiters"}, [], "$waiters"]},
  "gone": {"$cond": [{"$isArray": "$gone"}, [], "$gone"]},
  "held": {"$cond": [{"$isArray": "$holders"}, {"$size": "$holders"}, 0]},
  "queue": {"$cond": [{"$isArray": "$waiters"}, {"$size": "$waiters"}, 0]},
  "lowest": {"$cond": [{"$isArray": "$holders"}, {"$min": "$holders.fence"}, 0]},
  "highest": {"$cond": [{"$isArray": "$holders"}, {"$max": "$holders.fence"}, 0]}}}])";

void note(std::int64_t& count, std::vector<survey::one>& examples, survey::one found) {
  ++count;
  if (examples.size() < survey::examples) examples.push_back(std::move(found));
}

/// {_id} alone is a lock that was just made, or whose fields were removed.
bool is_id_alone(const std::string& id, std::int64_t bytes) {
  constexpr std::int64_t kAround = 4 + 1 + 4 + 4 + 1 + 1;  // sizes, type, "_id\0", and the ends
  return !id.empty() && bytes == static_cast<std::int64_t>(id.size()) + kAround;
}

bool is_array_or_missing(const bson_t* in, const char* field) {
  bson_iter_t it;
  return !protocol::find_field(in, field, it) || BSON_ITER_HOLDS_ARRAY(&it);
}

bool has_lists(const bson_t* summary) {
  return is_array_or_missing(summary, "holders") && is_array_or_missing(summary, "waiters") &&
         is_array_or_missing(summary, "gone");
}

}  // namespace

bson survey::pipeline() {
  auto out = make_bson();
  protocol::append_parsed(out.get(), "pipeline", protocol::parse(kSummaries));
  return out;
}

void survey::add(const bson_t* summary, std::int64_t grace) {
  const auto number = [&](const char* field) { return protocol::read_number(summary, field); };
  const auto now = protocol::read_clock(summary, "now");
  const std::string id = protocol::read_string(summary, "_id");
  const auto bytes = number("bytes");
  ++seen;
  if (bytes > largest.number) largest = {id, bytes};
  if (is_id_alone(id, bytes)) return;
  if (id.empty() || !protocol::is_lock(summary) || !has_lists(summary)) return note(foreign, foreign_ones, {id});
  const auto held = number("held");
  const auto queue = number("queue") - static_cast<std::int64_t>(std::max<std::int64_t>(number("admitted"), 0));
  if (queue > longest.number) longest = {id, queue};
  if (auto field = protocol::defect(summary, now); !field.empty()) {
    note(defects, defect_ones, {id, 0, std::move(field)});
  } else if (held > 0 && !(protocol::is_token(number("lowest"), now) && protocol::is_token(number("highest"), now))) {
    note(defects, defect_ones, {id, 0, protocol::strange_holder});
  }
  const auto et = protocol::read_date(summary, "et");
  if (et && !protocol::is_observed(summary) && *et + grace + patience < now) {
    note(overdue, overdue_ones, {id, *et});
    if (held > 0) ++overdue_held;
  }
}

}  // namespace dlock
