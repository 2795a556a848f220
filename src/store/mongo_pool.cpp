#include "store/mongo_pool.hpp"

#include "store/driver.hpp"
#include "store/failure.hpp"

namespace dlock {
mongo_pool::mongo_pool(std::string url, const char* option, std::chrono::milliseconds io_limit,
                       std::uint32_t connections)
    : redact_((initialise_driver(), url)),
      given_(parse_connection_string(url, option)),
      uri_(mongoc_uri_copy(given_.get())),
      io_limit_(io_limit),
      connections_(connections) {
  harden(uri_.get(), static_cast<std::int32_t>(io_limit_.count()));
  const auto asked = mongoc_uri_get_option_as_int32(uri_.get(), MONGOC_URI_MAXPOOLSIZE, 0);
  if (asked > 0) connections_ = static_cast<std::uint32_t>(asked);
}

answer mongo_pool::open() {
  const std::lock_guard lock(opening_);
  if (pool_) return ok_answer();
  answer a = discover_set();
  if (a.what != answer::kind::replied) return a;
  // Additional connections for what must not wait for the other operations: renewals and notifications.
  constexpr std::uint32_t kReserved = renewal_lanes + 8;
  mongoc_uri_set_option_as_int32(uri_.get(), MONGOC_URI_MAXPOOLSIZE,
                                 static_cast<std::int32_t>(connections_ + kReserved));
  bson_error_t why{};
  pool_.reset(mongoc_client_pool_new_with_error(uri_.get(), &why));
  if (!pool_) {
    // A service name (mongodb+srv://) that cannot be resolved now may be resolved later.
    if (mongoc_uri_get_srv_hostname(uri_.get()) == nullptr) {
      return refusal(errc::invalid_argument, "the driver cannot use this connection string");
    }
    a = answer{};
    a.why = redact_(why.message);
    return a;
  }
  mongoc_client_pool_set_error_api(pool_.get(), MONGOC_ERROR_API_VERSION_2);
  contact_.listen(pool_.get());
  if (mongoc_uri_get_appname(uri_.get()) == nullptr) mongoc_client_pool_set_appname(pool_.get(), "dlock");
  return a;
}

/// If the URL has only one host, the driver makes a direct connection, which breaks when the primary moves.
answer mongo_pool::discover_set() {
  if (!names_one_member(uri_.get())) return ok_answer();
  uri_handle direct{mongoc_uri_copy(uri_.get())};
  mongoc_uri_set_option_as_bool(direct.get(), MONGOC_URI_DIRECTCONNECTION, true);
  const std::unique_ptr<mongoc_client_t, client_deleter> client{mongoc_client_new_from_uri(direct.get())};
  if (!client) return refusal(errc::invalid_argument, "the driver cannot use this connection string");
  mongoc_client_set_error_api(client.get(), MONGOC_ERROR_API_VERSION_2);
  bson_error_t why;
  const server_description server{mongoc_client_select_server(client.get(), false, nullptr, &why)};
  if (!server) return failure(why, redact_);
  bson_iter_t it;
  if (bson_iter_init_find(&it, mongoc_server_description_hello_response(server.get()), "setName") &&
      BSON_ITER_HOLDS_UTF8(&it)) {
    mongoc_uri_set_option_as_utf8(uri_.get(), MONGOC_URI_REPLICASET, bson_iter_utf8(&it, nullptr));
  }
  return ok_answer();
}

answer mongo_pool::run(mongoc_client_t* client, const std::string& db, const bson_t* command, bson_t* reply) const {
  bson_error_t why;
  if (!mongoc_client_command_simple(client, db.c_str(), command, nullptr, reply, &why)) return failure(why, redact_);
  answer a;
  if (has_write_concern_error(reply, &a.why)) {
    a.in_doubt = true;
  } else {
    a.what = answer::kind::replied;
  }
  return a;
}

}  // namespace dlock
