#include "support/mongo.hpp"

#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

namespace dlock::testing {
namespace {

[[noreturn]] void fail(const std::string& what, const bson_error_t& error) {
  throw std::runtime_error(what + ": " + error.message);
}

}  // namespace

std::string test_url() {
  const char* url = std::getenv("DLOCK_TEST_URL");
  if (url == nullptr || *url == '\0') {
    throw std::runtime_error(
        "DLOCK_TEST_URL is not set: these tests need a MongoDB replica set. "
        "Run them by scripts/replica_set.py run -- ctest ..., or by ./run test");
  }
  return url;
}

std::string admin_url() {
  const char* url = std::getenv("DLOCK_TEST_ADMIN_URL");
  return url == nullptr || *url == '\0' ? test_url() : url;
}

bool is_restricted() {
  return admin_url() != test_url();
}

connection::connection(const std::string& url) {
  static const bool once = [] {
    mongoc_init();
    return true;
  }();
  (void)once;
  client_.reset(mongoc_client_new(url.c_str()));
  if (!client_) throw std::runtime_error("DLOCK_TEST_URL is no MongoDB URL");
  mongoc_client_set_error_api(client_.get(), MONGOC_ERROR_API_VERSION_2);
}

connection::outcome connection::run(const std::string& db, const bson_t* command) {
  outcome out;
  out.reply = make_bson();
  bson_error_t error{};
  bson_t reply;
  out.ok = mongoc_client_command_simple(client_.get(), db.c_str(), command, nullptr, &reply, &error);
  bson_copy_to_excluding_noinit(&reply, out.reply.get(), "$clusterTime", "operationTime", nullptr);
  bson_destroy(&reply);
  if (!out.ok) {
    out.error = error.message;
    out.code = static_cast<int>(error.code);
    out.driver_error = error;
  }
  return out;
}

void connection::insert(const std::string& db, const std::string& coll, const std::vector<bson>& documents) {
  if (documents.empty()) return;
  std::vector<const bson_t*> raw;
  raw.reserve(documents.size());
  for (const auto& d : documents) raw.push_back(d.get());
  const std::unique_ptr<mongoc_collection_t, decltype(&mongoc_collection_destroy)> c(
      mongoc_client_get_collection(client_.get(), db.c_str(), coll.c_str()), mongoc_collection_destroy);
  bson_error_t error;
  // MongoDB 4.4 would not wait for a majority, and a peek reads what a majority has.
  const auto options = make_bson();
  auto concern = make_bson();
  append(concern.get(), "w", "majority");
  append(options.get(), "writeConcern", concern.get());
  if (!mongoc_collection_insert_many(c.get(), raw.data(), raw.size(), options.get(), nullptr, &error)) {
    fail("insert", error);
  }
}

std::vector<bson> connection::find_all(const std::string& db, const std::string& coll, const bson_t* filter) {
  const std::unique_ptr<mongoc_collection_t, decltype(&mongoc_collection_destroy)> c(
      mongoc_client_get_collection(client_.get(), db.c_str(), coll.c_str()), mongoc_collection_destroy);
  const std::unique_ptr<mongoc_cursor_t, decltype(&mongoc_cursor_destroy)> cursor(
      mongoc_collection_find_with_opts(c.get(), filter, nullptr, nullptr), mongoc_cursor_destroy);
  std::vector<bson> out;
  const bson_t* d = nullptr;
  while (mongoc_cursor_next(cursor.get(), &d)) out.emplace_back(bson_copy(d));
  bson_error_t error;
  if (mongoc_cursor_error(cursor.get(), &error)) fail("find", error);
  return out;
}

void connection::drop(const std::string& db) {
  auto c = make_bson();
  bson_append_int32(c.get(), "dropDatabase", -1, 1);
  run(db, c.get());
}

scratch_database::scratch_database(const std::string& prefix, use what)
    : name_(!is_restricted()     ? prefix + "_" + std::to_string(getpid())
            : what == use::locks ? "dlocks"
                                 : "mongo_dlock_notif") {
  connection().drop(name_);
}

scratch_database::~scratch_database() {
  try {
    connection().drop(name_);
  } catch (const std::exception&) {
    // the server is gone, and the database with it
  }
}

}  // namespace dlock::testing
