#pragma once

#include <mongoc/mongoc.h>

#include <memory>
#include <string>

namespace bench {

/// The lower bound: plain `$inc` findAndModify commands with w:majority, without retryable writes, on a pool like the
/// library's.
class raw_server {
 public:
  explicit raw_server(const std::string& url);

  /// One connection of the pool, for one thread.
  class session {
   public:
    explicit session(raw_server& server);
    session(const session&) = delete;
    session& operator=(const session&) = delete;
    ~session();
    /// Adds 1 to the counter with this _id. Like taking a lock, this changes one document and is acknowledged by a
    /// majority.
    void increment(const std::string& id);
    /// Inserts a document into a capped collection with w:1, like a grant notice to an heir.
    void insert();
    /// How many commands on locks the primary has run: changes, and polls that only read.
    [[nodiscard]] std::int64_t commands();
    /// The processor time that the primary has used.
    [[nodiscard]] std::int64_t cpu_us();

   private:
    std::int64_t status(const char* path);
    bson_t* run(const char* database, bson_t* command);

    raw_server& server_;
    mongoc_client_t* client_;
    bool made_ = false;                // the capped collection exists
    bson_t reply_ = BSON_INITIALIZER;  // of the last command
  };

 private:
  struct pool_deleter {
    void operator()(mongoc_client_pool_t* p) const noexcept { mongoc_client_pool_destroy(p); }
  };
  std::unique_ptr<mongoc_client_pool_t, pool_deleter> pool_;
};

}  // namespace bench
