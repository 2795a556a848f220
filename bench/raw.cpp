#include "raw.hpp"

#include <stdexcept>

namespace bench {
namespace {

constexpr const char* kDatabase = "dlock_bench";

struct bson_deleter {
  void operator()(bson_t* b) const noexcept { bson_destroy(b); }
};

}  // namespace

raw_server::raw_server(const std::string& url) {
  bson_error_t why;
  const std::unique_ptr<mongoc_uri_t, decltype(&mongoc_uri_destroy)> uri(mongoc_uri_new_with_error(url.c_str(), &why),
                                                                         mongoc_uri_destroy);
  if (!uri) throw std::runtime_error(std::string("url: ") + why.message);
  mongoc_uri_set_option_as_bool(uri.get(), MONGOC_URI_RETRYWRITES, false);
  pool_.reset(mongoc_client_pool_new(uri.get()));
  mongoc_client_pool_set_error_api(pool_.get(), MONGOC_ERROR_API_VERSION_2);
}

raw_server::session::session(raw_server& server)
    : server_(server), client_(mongoc_client_pool_pop(server.pool_.get())) {}
raw_server::session::~session() {
  bson_destroy(&reply_);
  mongoc_client_pool_push(server_.pool_.get(), client_);
}

/// Takes ownership of the command.
bson_t* raw_server::session::run(const char* database, bson_t* command) {
  const std::unique_ptr<bson_t, bson_deleter> owned(command);
  bson_destroy(&reply_);
  bson_error_t why;
  if (!mongoc_client_command_simple(client_, database, command, nullptr, &reply_, &why)) {
    throw std::runtime_error(std::string("a raw command: ") + why.message);
  }
  return &reply_;
}

void raw_server::session::increment(const std::string& id) {
  run(kDatabase, BCON_NEW("findAndModify", BCON_UTF8("raw"), "query", "{", "_id", BCON_UTF8(id.c_str()), "}", "update",
                          "{", "$inc", "{", "n", BCON_INT64(1), "}", "}", "new", BCON_BOOL(true), "upsert",
                          BCON_BOOL(true), "writeConcern", "{", "w", "majority", "}"));
}

void raw_server::session::insert() {
  if (!made_) {
    bson_error_t why;
    bson_t reply;
    bson_t* create =
        BCON_NEW("create", BCON_UTF8("raw_capped"), "capped", BCON_BOOL(true), "size", BCON_INT64(1048576));
    (void)mongoc_client_command_simple(client_, kDatabase, create, nullptr, &reply, &why);  // it may exist already
    bson_destroy(&reply);
    bson_destroy(create);
    made_ = true;
  }
  run(kDatabase, BCON_NEW("insert", BCON_UTF8("raw_capped"), "documents", "[", "{", "to", BCON_UTF8("nobody"), "lock",
                          BCON_UTF8("floor"), "id", BCON_UTF8("00000000-0000-0000-0000-000000000000"), "fence",
                          BCON_INT64(1), "}", "]", "writeConcern", "{", "w", BCON_INT32(1), "}"));
}

std::int64_t raw_server::session::status(const char* path) {
  const bson_t* all = run("admin", BCON_NEW("serverStatus", BCON_INT32(1)));
  bson_iter_t it, value;
  return bson_iter_init(&it, all) && bson_iter_find_descendant(&it, path, &value) ? bson_iter_as_int64(&value) : 0;
}

std::int64_t raw_server::session::commands() {
  return status("metrics.commands.findAndModify.total") + status("metrics.commands.aggregate.total");
}

std::int64_t raw_server::session::cpu_us() {
  return status("extra_info.user_time_us") + status("extra_info.system_time_us");
}

}  // namespace bench
