#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include <dlock/clock.hpp>
#include <dlock/options.hpp>

#include "store/mongo_pool.hpp"

namespace dlock {

struct mongo_settings {
  std::string db;
  std::string coll;
  std::chrono::seconds grace{60};
  /// The server's "now" in update pipelines. Only tests set anything else.
  std::string now_expression = "\"$$NOW\"";
  log_callback log;
};

/// The locks of one collection on MongoDB.
class mongo_store final : public store {
 public:
  mongo_store(std::shared_ptr<mongo_pool> pool, mongo_settings settings);
  ~mongo_store() override;

  /// Finds the server's replica set, checks its version, and makes sure that the TTL index exists. Must be called once,
  /// before apply(). Blocks until it succeeds or `deadline` passes (and then for at most one io_limit more). Throws
  /// dlock::error.
  void connect(boot_clock::time_point deadline);

  /// Why connect() has not succeeded yet, what to do about it, and whether waiting helps (no_answer) or not (refused).
  /// `why` is empty if that is not known. Thread-safe.
  [[nodiscard]] answer problem() const;
  /// The error that connect() throws for this problem.
  [[nodiscard]] error failed_contact(const answer& problem) const;

  [[nodiscard]] answer apply(const protocol::request& r, lane which) override;
  [[nodiscard]] std::vector<answer> apply_all(const protocol::batch& requests, lane which) override;
  [[nodiscard]] lookup_answer read(const protocol::lookup& l) override;
  [[nodiscard]] std::vector<member_info> members() override;

 private:
  [[nodiscard]] answer judged(answer a) const;
  [[nodiscard]] answer check_server(mongoc_client_t* client);
  [[nodiscard]] answer ensure_index(mongoc_client_t* client);
  [[nodiscard]] answer adopt_index(mongoc_client_t* client, const answer& refusal);
  [[nodiscard]] protocol::command_options options(const protocol::request& r, lane which) const;
  void log(log_level level, const std::string& message) const;

  std::shared_ptr<mongo_pool> pool_;
  mongo_settings settings_;
  std::atomic<bool> no_peeks_{false};  // the server does not allow them
  mutable std::mutex guard_;
  answer problem_;
};

}  // namespace dlock
