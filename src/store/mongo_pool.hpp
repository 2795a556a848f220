#pragma once

#include <mongoc/mongoc.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "store/connection_string.hpp"
#include "store/contact.hpp"
#include "store/store.hpp"

namespace dlock {

struct client_deleter {
  void operator()(mongoc_client_t* c) const noexcept { mongoc_client_destroy(c); }
};

struct pool_deleter {
  void operator()(mongoc_client_pool_t* p) const noexcept { mongoc_client_pool_destroy(p); }
};

/// The connections to one deployment, for locks, for notifications, or for both.
class mongo_pool {
 public:
  /// Checks the URL; no I/O. `option` names it in errors. A single wait of the driver for a socket or a server is never
  /// longer than `io_limit`. Throws error(invalid_argument).
  mongo_pool(std::string url, const char* option, std::chrono::milliseconds io_limit, std::uint32_t connections);

  /// Finds the server's replica set and creates the pool, unless that is already done. Thread-safe; blocks; never
  /// throws.
  [[nodiscard]] answer open();

  /// Borrows a connection of the pool for some commands. There is none if all are busy for one io_limit. Only after
  /// open().
  class borrowed {
   public:
    explicit borrowed(mongo_pool& from) : pool_(from.pool_.get()), client_(mongoc_client_pool_pop(pool_)) {}
    borrowed(const borrowed&) = delete;
    borrowed& operator=(const borrowed&) = delete;
    ~borrowed() {
      if (client_ != nullptr) mongoc_client_pool_push(pool_, client_);
    }
    [[nodiscard]] mongoc_client_t* get() const { return client_; }

   private:
    mongoc_client_pool_t* pool_;
    mongoc_client_t* client_;
  };

  /// Runs a command on the primary.
  [[nodiscard]] answer run(mongoc_client_t* client, const std::string& db, const bson_t* command, bson_t* reply) const;

  [[nodiscard]] const redactor& redact() const { return redact_; }
  /// How many connections lane::normal may borrow at the same time. The pool has more.
  [[nodiscard]] std::uint32_t connections() const { return connections_; }
  [[nodiscard]] std::chrono::milliseconds io_limit() const { return io_limit_; }
  /// The URL as it was given; never changes.
  [[nodiscard]] const mongoc_uri_t* uri() const { return given_.get(); }
  /// See contact.
  [[nodiscard]] std::string problem() const { return contact_.problem(); }
  [[nodiscard]] std::size_t heard() const { return contact_.heard(); }
  /// "host:port,..."
  [[nodiscard]] std::string hosts() const { return redact_(hosts_of(given_.get())); }

 private:
  [[nodiscard]] answer discover_set();

  redactor redact_;
  uri_handle given_;
  uri_handle uri_;  // with what was discovered
  std::chrono::milliseconds io_limit_;
  std::uint32_t connections_;
  std::mutex opening_;
  contact contact_{redact_, given_.get()};  // called by the pool's threads
  std::unique_ptr<mongoc_client_pool_t, pool_deleter> pool_;
};

struct description_deleter {
  void operator()(mongoc_server_description_t* d) const noexcept { mongoc_server_description_destroy(d); }
};
using server_description = std::unique_ptr<mongoc_server_description_t, description_deleter>;

/// A reply that the driver fills. We must free it, also after an error.
class server_reply {
 public:
  server_reply() { bson_init(&value_); }
  server_reply(const server_reply&) = delete;
  server_reply& operator=(const server_reply&) = delete;
  ~server_reply() { bson_destroy(&value_); }
  /// For a call that initialises it.
  bson_t* out() {
    bson_destroy(&value_);
    return &value_;
  }
  [[nodiscard]] const bson_t* get() const { return &value_; }

 private:
  bson_t value_;
};

[[nodiscard]] inline answer ok_answer() {
  answer a;
  a.what = answer::kind::replied;
  return a;
}

[[nodiscard]] inline answer refusal(errc code, std::string why, int server_code = 0) {
  answer a;
  a.what = answer::kind::refused;
  a.code = code;
  a.why = std::move(why);
  a.server_code = server_code;
  return a;
}

}  // namespace dlock
