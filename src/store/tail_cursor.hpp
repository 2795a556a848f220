#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "store/mongo_pool.hpp"

namespace dlock {

/// A tailable cursor on the server. The destructor tells the server that the cursor is not needed any more. The cursor
/// has its own session. Without it, the driver would send each command in the session that is on top of its pool. The
/// server refuses a getMore in another session than that of its cursor.
class tail_cursor {
 public:
  /// Identifies the cursor, for those who want to end it.
  struct name {
    std::uint32_t server = 0;
    std::string db, coll;
    std::int64_t id = 0;
  };

  tail_cursor(mongoc_client_t* client, const redactor& redact, std::uint32_t server, std::string db, std::string coll);
  tail_cursor(const tail_cursor&) = delete;
  tail_cursor& operator=(const tail_cursor&) = delete;
  ~tail_cursor();

  [[nodiscard]] answer open(const bson_t* filter, server_reply& reply);
  /// Waits at most `wait` for documents that are not there yet.
  [[nodiscard]] answer more(std::chrono::milliseconds wait, bson_t* reply);
  [[nodiscard]] bool alive() const { return name_.id != 0; }
  [[nodiscard]] const name& which() const { return name_; }
  /// Whether the cursor's server is not the primary any more. A cursor survives a stepdown: it goes on, on a secondary.
  [[nodiscard]] bool is_left_behind() const;
  /// seconds_at() for the cursor's server.
  [[nodiscard]] std::optional<std::int64_t> server_time() const;

  /// Ends the cursor through another client.
  static void kill(mongoc_client_t* client, const name& which);

 private:
  struct session_deleter {
    void operator()(mongoc_client_session_t* s) const noexcept { mongoc_client_session_destroy(s); }
  };
  [[nodiscard]] answer run(const bson_t* command, bson_t* reply) const;

  mongoc_client_t* client_;
  const redactor& redact_;
  name name_;
  std::unique_ptr<mongoc_client_session_t, session_deleter> session_;
  bson with_ = make_bson();
  bool broken_ = false;
};

[[nodiscard]] bson find_command(const std::string& coll, const bson_t* filter);
/// The id of the cursor that is still open after a reply; 0: none.
[[nodiscard]] std::int64_t cursor_id(const bson_t* reply);

}  // namespace dlock
