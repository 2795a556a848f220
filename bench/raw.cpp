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
  const std::unique_ptr<mongoc_uri_t, decltype(&mongoc_uri_destroy)> uri(mongoc_uri_new_with_error(url.c_str(), &why), mongoc_uri_destroy);
  if (!uri) throw std::runtime_error(std::string("url: ") + why.message);
  mongoc_uri_set_option_as_bool(uri.get(), MONGOC_URI_RETRYWRITES, false);
  pool_.reset(mongoc_client_pool_new(uri.get()));
  mongoc_client_pool_set_error_api(pool_.get(), MONGOC_ERROR_API_VERSION_2);
}

raw_server::session::session(raw_server& server) : server_(server), client_(mongoc_client_pool_pop(server.pool_.get())) {}
raw_server::session::~session() { mongoc_client_pool_push(server_.pool_.get(), client_); }

void raw_server::session::increment(const std::string& id) {
  const std::unique_ptr<bson_t, bson_deleter> command(
      BCON_NEW("findAndModify", BCON_UTF8("raw"), "query", "{", "_id", BCON_UTF8(id.c_str()), "}", "update", "{", "$inc", "{", "n",
               BCON_INT64(1), "}", "}", "new", BCON_BOOL(true), "upsert", BCON_BOOL(true), "writeConcern", "{", "w", "majority", "}"));
  bson_t reply;
  bson_error_t why;
  const bool ok = mongoc_client_command_simple(client_, kDatabase, command.get(), nullptr, &reply, &why);
  bson_destroy(&reply);
  if (!ok) throw std::runtime_error(std::string("raw findAndModify: ") + why.message);
}

}  // namespace bench
