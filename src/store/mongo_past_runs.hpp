#pragma once

#include <memory>
#include <string>

#include <dlock/options.hpp>

#include "store/mongo_pool.hpp"
#include "store/past_runs.hpp"

namespace dlock {

/// Past runs on MongoDB: one document for each lock, in a collection of their own. The server removes it some months
/// after the last run.
class mongo_past_runs final : public past_runs {
 public:
  /// `coll`: the collection of the locks.
  mongo_past_runs(std::shared_ptr<mongo_pool> pool, std::string db, const std::string& coll, log_callback log);

  [[nodiscard]] answer add(const std::string& lock, const past_run& run, std::int64_t limit) override;
  [[nodiscard]] runs_answer read(const std::string& lock, std::int64_t limit) override;

 private:
  void ensure_index(mongoc_client_t* client, std::int64_t limit) const;

  const std::shared_ptr<mongo_pool> pool_;
  const std::string db_, coll_;
  const log_callback log_;
};

}  // namespace dlock
