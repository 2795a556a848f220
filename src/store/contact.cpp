#include "store/contact.hpp"

#include <memory>

#include "store/failure.hpp"

namespace dlock {
namespace {

contact& listener_of(void* context) {
  return *static_cast<contact*>(context);
}

void on_answer(const mongoc_apm_server_heartbeat_succeeded_t* event) {
  listener_of(mongoc_apm_server_heartbeat_succeeded_get_context(event))
      .answered(mongoc_apm_server_heartbeat_succeeded_get_host(event)->host_and_port,
                mongoc_apm_server_heartbeat_succeeded_get_reply(event));
}

void on_failure(const mongoc_apm_server_heartbeat_failed_t* event) {
  bson_error_t why{};
  mongoc_apm_server_heartbeat_failed_get_error(event, &why);
  listener_of(mongoc_apm_server_heartbeat_failed_get_context(event))
      .failed(mongoc_apm_server_heartbeat_failed_get_host(event)->host_and_port, why.message);
}

bool is_true(const bson_t* document, const char* field) {
  bson_iter_t it;
  return bson_iter_init_find(&it, document, field) && bson_iter_as_bool(&it);
}

}  // namespace

void contact::listen(mongoc_client_pool_t* pool) {
  const std::unique_ptr<mongoc_apm_callbacks_t, decltype(&mongoc_apm_callbacks_destroy)> all{
      mongoc_apm_callbacks_new(), mongoc_apm_callbacks_destroy};
  mongoc_apm_set_server_heartbeat_succeeded_cb(all.get(), on_answer);
  mongoc_apm_set_server_heartbeat_failed_cb(all.get(), on_failure);
  mongoc_client_pool_set_apm_callbacks(pool, all.get(), this);
}

void contact::answered(const std::string& host, const bson_t* hello) {
  const std::lock_guard lock(guard_);
  if (made_) return;
  bson_iter_t it;
  const char* wanted = mongoc_uri_get_replica_set(uri_);
  const bool named = bson_iter_init_find(&it, hello, "setName") && BSON_ITER_HOLDS_UTF8(&it);
  const std::string name = named ? bson_iter_utf8(&it, nullptr) : "";
  if (wanted != nullptr && named && name != wanted) {
    auto& why = servers_[host];
    why = of_another_set;
    why.append(" '").append(name).append("', not '").append(wanted).append("'");
  } else if (is_true(hello, "ismaster") || is_true(hello, "isWritablePrimary")) {
    made_ = true;
    servers_.clear();
  } else {
    servers_[host] = is_true(hello, "secondary") ? "a secondary" : "neither primary nor secondary yet";
  }
}

void contact::failed(const std::string& host, const char* why) {
  const std::lock_guard lock(guard_);
  if (!made_) servers_[host] = why;
}

std::size_t contact::heard() const {
  const std::lock_guard lock(guard_);
  return servers_.size();
}

std::string contact::problem() const {
  const std::lock_guard lock(guard_);
  std::string out;
  for (const auto& [host, why] : servers_) {
    out.append(out.empty() ? "no primary: " : ", ").append(host).append(" (").append(why).append(")");
  }
  return redact_(out);
}

}  // namespace dlock
