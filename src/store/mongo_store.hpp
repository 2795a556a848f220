#pragma once

#include <mongoc/mongoc.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <dlock/clock.hpp>
#include <dlock/options.hpp>

#include "store/connection_string.hpp"
#include "store/store.hpp"

namespace dlock {

struct mongo_settings {
  std::string url;
  std::string db;
  std::string coll;
  std::chrono::seconds grace{60};
  /// No single wait of the driver for a socket or a server is longer.
  std::chrono::milliseconds io_limit{5000};
  /// Connections for lane::normal; the renewals' own comes on top.
  std::uint32_t connections = 100;
  /// The server's "now" in update pipelines. Only tests say anything else.
  std::string now_expression = "\"$$NOW\"";
  log_callback log;
};

struct pool_deleter {
  void operator()(mongoc_client_pool_t* p) const noexcept { mongoc_client_pool_destroy(p); }
};
using pool_handle = std::unique_ptr<mongoc_client_pool_t, pool_deleter>;

/// The locks of one collection on MongoDB.
class mongo_store final : public store {
 public:
  /// Checks the URL; no I/O. Throws error(invalid_argument).
  explicit mongo_store(mongo_settings settings);
  ~mongo_store() override;

  /// Finds the server's replica set, checks its version, makes sure of the TTL index. To be called once, before apply().
  /// Blocks until it succeeds or `deadline` passes (and then for at most one io_limit more). Throws dlock::error.
  void connect(boot_clock::time_point deadline);

  [[nodiscard]] answer apply(const protocol::request& r, lane which) override;

  /// How many threads may use lane::normal at a time.
  [[nodiscard]] std::uint32_t connections() const { return settings_.connections; }
  /// "host:port,..."
  [[nodiscard]] std::string hosts() const { return redact_(hosts_of(uri_.get())); }

 private:
  class borrowed;
  [[nodiscard]] answer run(mongoc_client_t* client, const bson_t* command, bson_t* reply) const;
  [[nodiscard]] answer discover_set();
  [[nodiscard]] answer check_server(mongoc_client_t* client);
  [[nodiscard]] answer ensure_index(mongoc_client_t* client);
  [[nodiscard]] answer adopt_index(mongoc_client_t* client, const answer& refusal);
  void log(log_level level, const std::string& message) const;

  mongo_settings settings_;
  redactor redact_;
  uri_handle uri_;
  pool_handle pool_;
  mongoc_client_t* renewal_ = nullptr;  // borrowed from pool_ for good
};

}  // namespace dlock
