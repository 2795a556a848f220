#include "store/mongo_past_runs.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "protocol/command_parts.hpp"
#include "protocol/read.hpp"
#include "store/failure.hpp"
#include "util/clock.hpp"

namespace dlock {
namespace {

using protocol::append_parsed;
using protocol::for_each_document;
using protocol::parse;
using protocol::single;

constexpr std::int64_t kKeptSeconds = 90 * 86'400;
constexpr std::int64_t kLongestRun = std::int64_t{1} << 50;  // in ms: sums of such times do not overflow

/// The names by which they are stored.
constexpr std::array kEnds{std::pair{run_end::unknown, "unknown"}, std::pair{run_end::ended, "ended"},
                           std::pair{run_end::too_long, "too_long"}, std::pair{run_end::lost, "lost"}};

run_end end_named(const std::string& name) {
  const auto found = std::find_if(kEnds.begin(), kEnds.end(), [&](const auto& each) { return each.second == name; });
  return found == kEnds.end() ? run_end::unknown : found->first;
}

bson run_document(const past_run& run) {
  auto b = make_bson();
  append(b.get(), "owner", run.owner);
  append(b.get(), "who", run.who);
  append(b.get(), "token", run.token);
  append(b.get(), "took", std::int64_t{run.took.count()});
  append(b.get(), "end", to_string(run.end));
  append(b.get(), "status", std::int64_t{run.status});
  return b;
}

/// The ends that rank higher: a run that has one of these keeps it, because an older record may arrive late.
bson ends_above(run_end end) {
  const auto rank = [](run_end of) { return of == run_end::unknown ? 0 : of == run_end::lost ? 2 : 1; };
  auto out = make_bson();
  int i = 0;
  for (const auto& [each, name] : kEnds) {
    if (rank(each) > rank(end)) append(out.get(), std::to_string(i++), std::string_view(name));
  }
  return out;
}

/// In front of the others, in the place of an older one of the same owner, unless that one stays. The strings are under
/// $literal.
bson update_with(const past_run& run) {
  static const auto& kept = *new bson(parse(R"({"$set": {"runs": {"$filter": {
    "input": {"$cond": [{"$isArray": "$runs"}, "$runs", []]},
    "cond": {"$or": [{"$ne": ["$$this.owner", "$run.owner"]}, {"$in": ["$$this.end", "$above"]}]}}}}})"));
  static const auto& stage = *new bson(parse(R"({"$set": {"at": "$$NOW", "runs": {"$slice": [{"$concatArrays": [
    {"$cond": [{"$in": ["$run.owner", "$runs.owner"]}, [], [{"$mergeObjects": ["$run", {"ended": "$$NOW"}]}]]},
    "$runs"]}, 20]}}})"));
  static const auto& end = *new bson(parse(R"({"$unset": ["run", "above"]})"));
  static_assert(past_runs::most == 20);
  auto given = single("run", single("$literal", run_document(run).get()).get());
  append_array(given.get(), "above", ends_above(run.end).get());
  auto stages = make_bson();
  append(stages.get(), "0", single("$set", given.get()).get());
  append_parsed(stages.get(), "1", kept);
  append_parsed(stages.get(), "2", stage);
  append_parsed(stages.get(), "3", end);
  return stages;
}

/// A document of a lock, if somebody has locks in the collection of this name, is left alone.
bson add_command(const std::string& coll, const std::string& lock, const past_run& run, bool creates,
                 std::int64_t limit) {
  auto query = single("_id", std::string_view(lock));
  auto none = make_bson();
  append_bool(none.get(), "$exists", false);
  append(query.get(), "holders", none.get());
  auto c = make_bson();
  append(c.get(), "findAndModify", coll);
  append(c.get(), "query", query.get());
  append_array(c.get(), "update", update_with(run).get());
  append(c.get(), "fields", single("_id", std::int64_t{1}).get());
  protocol::append_options(c.get(), /*returns_new=*/true, creates, {.coll = coll, .limit = limit});
  return c;
}

bson read_command(const std::string& coll, const std::string& lock, std::int64_t limit) {
  static const auto& fields = *new bson(parse(R"({"$project": {"_id": 0, "runs": 1, "now": "$$NOW"}})"));
  auto stages = make_bson();
  append(stages.get(), "0", single("$match", single("_id", std::string_view(lock)).get()).get());
  append_parsed(stages.get(), "1", fields);
  auto c = make_bson();
  append(c.get(), "aggregate", coll);
  append_array(c.get(), "pipeline", stages.get());
  append(c.get(), "cursor", make_bson().get());
  append(c.get(), "readConcern", single("level", std::string_view("majority")).get());
  append(c.get(), "maxTimeMS", limit);
  return c;
}

bson index_command(const std::string& coll, std::int64_t limit) {
  auto index = make_bson();
  append(index.get(), "key", single("at", std::int64_t{1}).get());
  append(index.get(), "name", std::string_view("at_1"));
  append(index.get(), "expireAfterSeconds", kKeptSeconds);
  auto list = make_bson();
  append(list.get(), "0", index.get());
  auto c = make_bson();
  append(c.get(), "createIndexes", coll);
  append_array(c.get(), "indexes", list.get());
  append(c.get(), "maxTimeMS", limit);
  return c;
}

past_run parse_run(const bson_t* d, std::int64_t now) {
  const std::int64_t ended = protocol::read_date(d, "ended").value_or(0);
  past_run run;
  run.owner = protocol::read_string(d, "owner");
  run.who = protocol::read_string(d, "who");
  run.token = protocol::read_number(d, "token");
  run.ended = system_time(ended);
  run.took = std::chrono::milliseconds{std::clamp<std::int64_t>(protocol::read_number(d, "took"), 0, kLongestRun)};
  run.ago = std::chrono::milliseconds{std::max<std::int64_t>(now - ended, 0)};
  run.end = end_named(protocol::read_string(d, "end"));
  const auto status = protocol::read_number(d, "status");
  run.status = static_cast<int>(
      std::clamp<std::int64_t>(status, std::numeric_limits<int>::min(), std::numeric_limits<int>::max()));
  return run;
}

std::vector<past_run> parse_runs(const bson_t* reply) {
  std::vector<past_run> out;
  protocol::read_document(reply, "cursor", [&](const bson_t* cursor) {
    for_each_document(cursor, "firstBatch", [&](const bson_t* d) {
      const auto now = protocol::read_clock(d, "now");
      for_each_document(d, "runs", [&](const bson_t* run) { out.push_back(parse_run(run, now)); });
    });
  });
  return out;
}

answer no_connection() {
  answer a;
  a.why = "all connections are busy";
  return a;
}

}  // namespace

const char* to_string(run_end value) noexcept {
  const auto found = std::find_if(kEnds.begin(), kEnds.end(), [&](const auto& each) { return each.first == value; });
  return found == kEnds.end() ? "unknown" : found->second;
}

mongo_past_runs::mongo_past_runs(std::shared_ptr<mongo_pool> pool, std::string db, const std::string& coll,
                                 log_callback log)
    : pool_(std::move(pool)), db_(std::move(db)), coll_(coll + ".history"), log_(std::move(log)) {}

/// The index is made before the first document: on a collection that has documents, this would wait for all members.
answer mongo_past_runs::add(const std::string& lock, const past_run& run, std::int64_t limit) {
  const mongo_pool::borrowed own(*pool_);
  if (own.get() == nullptr) return no_connection();
  answer a;
  for (const bool creates : {false, true}) {
    if (creates) ensure_index(own.get(), limit);
    server_reply reply;
    a = pool_->run(own.get(), db_, add_command(coll_, lock, run, creates, limit).get(), reply.out());
    const bool found = protocol::read_document(reply.get(), "value", [](const bson_t*) {});
    if (a.what != answer::kind::replied || found) break;
  }
  return a;
}

runs_answer mongo_past_runs::read(const std::string& lock, std::int64_t limit) {
  const mongo_pool::borrowed own(*pool_);
  if (own.get() == nullptr) return {no_connection(), {}};
  server_reply reply;
  runs_answer a{pool_->run(own.get(), db_, read_command(coll_, lock, limit).get(), reply.out()), {}};
  a.in_doubt = false;
  if (a.what == answer::kind::replied) a.runs = parse_runs(reply.get());
  return a;
}

/// Without it, the documents stay for ever. An index with another time was made by an administrator.
void mongo_past_runs::ensure_index(mongoc_client_t* client, std::int64_t limit) const {
  constexpr int other_options = 85;
  server_reply reply;
  const answer a = pool_->run(client, db_, index_command(coll_, limit).get(), reply.out());
  if (a.what == answer::kind::replied || a.server_code == other_options || !log_) return;
  log_(log_level::warning, pool_->redact()("cannot make the TTL index of " + db_ + "." + coll_ +
                                           ", so the history is not removed after 90 days: " + a.why));
}

}  // namespace dlock
