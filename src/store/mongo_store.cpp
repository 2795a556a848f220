#include "store/mongo_store.hpp"

#include <algorithm>
#include <thread>

#include "protocol/command_parts.hpp"
#include "protocol/express.hpp"
#include "protocol/lookup.hpp"
#include "protocol/pipeline.hpp"
#include "protocol/reply.hpp"
#include "protocol/short_form.hpp"
#include "store/driver.hpp"
#include "store/failure.hpp"
#include "store/members.hpp"
#include "util/test_point.hpp"

namespace dlock {
namespace {

constexpr int kOldestWireVersion = 9;  // MongoDB 4.4
constexpr int kIndexOptionsConflict = 85;
constexpr int kIndexKeySpecsConflict = 86;
constexpr int kNoMajorityReads = 148;  // ReadConcernMajorityNotEnabled
constexpr int kDuplicateKey = 11000;
constexpr int kCursorNotFound = 43;
constexpr int kCursorKilled = 237;

bson ttl_index_command(const std::string& coll, std::chrono::seconds grace) {
  auto key = make_bson();
  append(key.get(), "et", std::int64_t{1});
  auto index = make_bson();
  append(index.get(), "key", key.get());
  append(index.get(), "name", "et_1");
  append(index.get(), "expireAfterSeconds", std::int64_t{grace.count()});
  auto list = make_bson();
  append(list.get(), "0", index.get());
  auto command = make_bson();
  append(command.get(), "createIndexes", coll);
  append_array(command.get(), "indexes", list.get());
  return command;
}

/// The grace of the TTL index on `et` in a reply of listIndexes; -1 if there is no such index.
std::int64_t existing_grace(const bson_t* reply) {
  bson_iter_t it, batch;
  if (!bson_iter_init(&it, reply) || !bson_iter_find_descendant(&it, "cursor.firstBatch", &batch)) return -1;
  bson_iter_t index;
  if (!bson_iter_recurse(&batch, &index)) return -1;
  while (bson_iter_next(&index)) {
    bson_iter_t field, et;
    if (!bson_iter_recurse(&index, &field)) continue;
    const bool on_et = bson_iter_find_descendant(&field, "key.et", &et);
    if (on_et && bson_iter_recurse(&index, &field) && bson_iter_find(&field, "expireAfterSeconds")) {
      return bson_iter_as_int64(&field);
    }
  }
  return -1;
}

/// Runs a command that changes a lock. If several commands would create its document at the same time, MongoDB 4.4
/// refuses all except one. Newer servers let the others find the document instead, and so do we: we send the command
/// again.
answer change(const mongo_pool& pool, mongoc_client_t* client, const std::string& db, const bson& command,
              server_reply& reply) {
  test_point("before-send");
  answer a = pool.run(client, db, command.get(), reply.out());
  if (a.server_code == kDuplicateKey) a = pool.run(client, db, command.get(), reply.out());
  test_point("after-send");
  return a;
}

answer all_busy() {
  answer a;
  a.why = "all connections are busy";
  return a;
}

}  // namespace

mongo_store::mongo_store(std::shared_ptr<mongo_pool> pool, mongo_settings settings)
    : pool_(std::move(pool)), settings_(std::move(settings)) {}

mongo_store::~mongo_store() = default;

void mongo_store::log(log_level level, const std::string& message) const {
  if (settings_.log) settings_.log(level, pool_->redact()(message));
}

void mongo_store::connect(boot_clock::time_point deadline) {
  for (auto pause = std::chrono::milliseconds{20};; pause = std::min(pause * 2, std::chrono::milliseconds{500})) {
    answer a = pool_->open();
    if (a.what == answer::kind::replied) {
      const mongo_pool::borrowed own(*pool_);
      a = check_server(own.get());
      if (a.what == answer::kind::replied) a = ensure_index(own.get());
    }
    if (a.what == answer::kind::replied) return;
    a = judged(std::move(a));
    {
      const std::lock_guard lock(guard_);
      problem_ = a;
    }
    const auto left = deadline - boot_clock::now();
    if (a.what == answer::kind::refused || left.count() <= 0) throw failed_contact(a);
    std::this_thread::sleep_for(std::min<boot_clock::duration>(pause, left));
  }
}

/// Adds advice to the answer of a failed attempt. The driver's monitors know the problem earlier than a call that waits
/// for a server, and they know more than that call says in the end.
answer mongo_store::judged(answer a) const {
  if (std::string seen = pool_->problem(); a.what == answer::kind::no_answer && !seen.empty()) a.why = std::move(seen);
  a = at_first_contact(std::move(a), pool_->uri(), pool_->heard());
  a.why += "; " + advice(a, pool_->uri());
  return a;
}

answer mongo_store::problem() const {
  answer a;
  a.why = pool_->problem();
  if (!a.why.empty()) return judged(std::move(a));
  const std::lock_guard lock(guard_);
  return problem_;
}

error mongo_store::failed_contact(const answer& a) const {
  return {a.code,
          "cannot use the locks in " + settings_.db + "." + settings_.coll + " on " + pool_->hosts() + ": " + a.why,
          {.retryable = a.what == answer::kind::no_answer, .in_doubt = false, .server_code = a.server_code}};
}

answer mongo_store::check_server(mongoc_client_t* client) {
  bson_error_t why;
  const server_description server{mongoc_client_select_server(client, true, nullptr, &why)};
  if (!server) return failure(why, pool_->redact());
  const bson_t* hello = mongoc_server_description_hello_response(server.get());
  bson_iter_t it;
  const auto wire = bson_iter_init_find(&it, hello, "maxWireVersion") ? bson_iter_as_int64(&it) : 0;
  if (wire < kOldestWireVersion) {
    return refusal(errc::unsupported_server, "the server speaks wire version " + std::to_string(wire) +
                                                 "; dlock needs MongoDB 4.4 or newer (wire version 9)");
  }
  if (std::string_view(mongoc_server_description_type(server.get())) == "Standalone") {
    log(log_level::warning,
        pool_->hosts() +
            " is a standalone server: what it acknowledged can be lost when it crashes; use a replica set");
  }
  return ok_answer();
}

answer mongo_store::ensure_index(mongoc_client_t* client) {
  const auto command = ttl_index_command(settings_.coll, settings_.grace);
  server_reply reply;
  bson_error_t why;
  if (mongoc_client_command_simple(client, settings_.db.c_str(), command.get(), nullptr, reply.out(), &why))
    return ok_answer();
  const auto a = failure(why, pool_->redact());
  const bool other_options = a.server_code == kIndexOptionsConflict || a.server_code == kIndexKeySpecsConflict;
  return other_options || a.code == errc::not_authorized ? adopt_index(client, a) : a;
}

/// Uses an index that somebody else created, perhaps with another grace, or because we do not have the right to create
/// it.
answer mongo_store::adopt_index(mongoc_client_t* client, const answer& refusal) {
  auto command = make_bson();
  append(command.get(), "listIndexes", settings_.coll);
  server_reply reply;
  bson_error_t why;
  if (!mongoc_client_command_simple(client, settings_.db.c_str(), command.get(), nullptr, reply.out(), &why)) {
    return refusal.code == errc::not_authorized ? refusal : failure(why, pool_->redact());
  }
  const auto grace = existing_grace(reply.get());
  if (grace < 0) return refusal;
  if (grace != settings_.grace.count()) {
    log(log_level::warning,
        "the TTL index of " + settings_.db + "." + settings_.coll + " has a grace of " + std::to_string(grace) +
            " s, not " + std::to_string(settings_.grace.count()) +
            " s; it is used as it is. To change it: db.runCommand({collMod: \"" + settings_.coll +
            "\", index: {keyPattern: {et: 1}, expireAfterSeconds: " + std::to_string(settings_.grace.count()) + "}})");
  }
  return ok_answer();
}

/// The server stops waiting for a majority a little before the socket does, so that the connection survives. A renewal
/// of a short lease gives up early enough for another renewal.
protocol::command_options mongo_store::options(const protocol::request& r, lane which) const {
  auto limit = pool_->io_limit().count();
  if (which == lane::renewal) limit = std::min<std::int64_t>(limit, std::max<std::int64_t>(r.delta / 2, 100));
  return {.coll = settings_.coll, .limit = limit * 4 / 5, .now = settings_.now_expression};
}

answer mongo_store::apply(const protocol::request& r, lane which) {
  const mongo_pool::borrowed own(*pool_);
  mongoc_client_t* client = own.get();
  if (client == nullptr) return all_busy();
  if (protocol::only_reads(r) && !no_peeks_) {
    server_reply reply;
    answer a = pool_->run(client, settings_.db, protocol::command(r, options(r, which)).get(), reply.out());
    a.in_doubt = false;
    if (a.what == answer::kind::replied) a.reply = protocol::parse_reply(reply.get(), r.observed);
    if (a.what != answer::kind::refused) return a;
    // Peeks may be switched off, as in MongoDB 4.4 with an arbiter. After any other refusal, the waiter sends a
    // heartbeat, and the server's answer to that tells what the refusal means.
    if (a.server_code == kNoMajorityReads) no_peeks_ = true;
  }
  // If somebody else uses the lock, the other forms change nothing, and the next one follows. The request is still the
  // first one with its id that the server has carried out.
  protocol::request next = r;
  for (auto how = form_of(r); how != protocol::form::whole; how = form_of(next)) {
    const bool express = how == protocol::form::express;
    auto with = options(next, which);
    with.majority = !protocol::may_be_early(next);
    server_reply reply;
    answer a = change(*pool_, client, settings_.db,
                      express ? protocol::express_command(next, with) : protocol::short_command(next, with), reply);
    if (a.what != answer::kind::replied) return a;
    auto told =
        express ? protocol::parse_express_reply(reply.get(), next) : protocol::parse_short_reply(reply.get(), next);
    if (told) {
      a.reply = *std::move(told);
      a.early = !with.majority;
      return a;
    }
    next = protocol::in_next_form(std::move(next));
  }
  protocol::request whole = r;
  if (protocol::only_reads(r)) whole.op = protocol::operation::heartbeat;
  server_reply reply;
  answer a = change(*pool_, client, settings_.db, protocol::command(whole, options(whole, which)), reply);
  if (a.what == answer::kind::replied) a.reply = protocol::parse_reply(reply.get(), r.observed);
  a.reply.instead = protocol::only_reads(r);
  return a;
}

std::vector<answer> mongo_store::apply_all(const protocol::batch& requests, lane which) {
  const mongo_pool::borrowed own(*pool_);
  if (own.get() == nullptr) return std::vector<answer>(requests.size(), all_busy());
  server_reply reply;
  const auto command = protocol::batch_command(requests, options(requests.front(), which));
  std::vector<answer> out(requests.size(), change(*pool_, own.get(), settings_.db, command, reply));
  if (out.front().what != answer::kind::replied) return out;
  auto replies = protocol::parse_batch_reply(reply.get(), requests);
  for (std::size_t i = 0; i < out.size(); ++i) out[i].reply = std::move(replies[i]);
  return out;
}

/// By one cursor, which the driver follows: 101 documents first, then as many at a time as fit into 16 MB. The server
/// counts its own time for all of them together.
lookup_answer mongo_store::read(const protocol::lookup& l) {
  const mongo_pool::borrowed own(*pool_);
  if (own.get() == nullptr) return {all_busy(), {}};
  const auto begin = boot_clock::now();
  auto with = make_bson();
  append(with.get(), "readConcern", protocol::single("level", "majority").get());
  append(with.get(), "maxTimeMS", l.within > 0 ? l.within : std::int64_t{pool_->io_limit().count() * 4 / 5});
  const auto pipeline = protocol::lookup_pipeline(l, settings_.now_expression);
  const std::unique_ptr<mongoc_collection_t, decltype(&mongoc_collection_destroy)> from(
      mongoc_client_get_collection(own.get(), settings_.db.c_str(), settings_.coll.c_str()), mongoc_collection_destroy);
  const std::unique_ptr<mongoc_cursor_t, decltype(&mongoc_cursor_destroy)> cursor(
      mongoc_collection_aggregate(from.get(), MONGOC_QUERY_NONE, pipeline.get(), with.get(), nullptr),
      mongoc_cursor_destroy);
  lookup_answer out{ok_answer(), {}};
  const bson_t* each = nullptr;
  while (mongoc_cursor_next(cursor.get(), &each)) {
    out.seen.push_back(protocol::parse_snapshot(each));
    if (l.within > 0 && boot_clock::now() - begin > std::chrono::milliseconds(l.within)) {
      lookup_answer late;
      late.why = "there was not enough time to read all locks";
      return late;
    }
  }
  bson_error_t why;
  if (!mongoc_cursor_error(cursor.get(), &why)) return out;
  lookup_answer failed{failure(why, pool_->redact()), {}};
  failed.in_doubt = false;
  // The member that had the cursor is not the primary any more, or somebody has killed the cursor.
  const bool gone = failed.server_code == kCursorNotFound || failed.server_code == kCursorKilled;
  if (gone) failed.what = answer::kind::no_answer;
  return failed;
}

std::vector<member_info> mongo_store::members() {
  return ask_members(*pool_, known_members(*pool_));
}

}  // namespace dlock
