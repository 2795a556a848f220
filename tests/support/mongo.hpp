#pragma once

#include <mongoc/mongoc.h>

#include <memory>
#include <string>
#include <vector>

#include "protocol/bson.hpp"

namespace dlock::testing {

/// The server that contract tests run against: $DLOCK_TEST_URL. Throws, and says what to do, if it is not set.
[[nodiscard]] std::string test_url();

/// The same server for what tests do besides: $DLOCK_TEST_ADMIN_URL, if the user in DLOCK_TEST_URL may do no more than
/// the library needs; else test_url(). tests/security/with_role.py sets it.
[[nodiscard]] std::string admin_url();
/// Whether the two differ.
[[nodiscard]] bool is_restricted();

/// One connection of libmongoc's, without retries or any of the library's own code. For one thread at a time.
class connection {
 public:
  explicit connection(const std::string& url = admin_url());

  struct outcome {
    bool ok = false;
    bson reply;         // the server's, whatever it says
    std::string error;  // why not
    int code = 0;
    bson_error_t driver_error{};  // the same, as the driver has it
  };
  /// Runs the command as it is, on the primary.
  outcome run(const std::string& db, const bson_t* command);

  void insert(const std::string& db, const std::string& coll, const std::vector<bson>& documents);
  std::vector<bson> find_all(const std::string& db, const std::string& coll, const bson_t* filter);
  void drop(const std::string& db);

 private:
  struct destroy {
    void operator()(mongoc_client_t* c) const noexcept { mongoc_client_destroy(c); }
  };
  std::unique_ptr<mongoc_client_t, destroy> client_;
};

/// A database of one test's own, dropped at its end. A restricted user has one for each use, and no other.
class scratch_database {
 public:
  enum class use { locks, notices };
  explicit scratch_database(const std::string& prefix, use what = use::locks);
  ~scratch_database();
  scratch_database(const scratch_database&) = delete;
  scratch_database& operator=(const scratch_database&) = delete;
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  std::string name_;
};

}  // namespace dlock::testing
