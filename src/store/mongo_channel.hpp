#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <dlock/options.hpp>

#include "store/channel.hpp"
#include "store/mongo_pool.hpp"
#include "store/tail_cursor.hpp"

namespace dlock {

/// The notification database on MongoDB.
class mongo_channel final : public channel {
 public:
  mongo_channel(std::shared_ptr<mongo_pool> pool, std::string db, log_callback log);

  [[nodiscard]] answer insert(const feed& where, const std::vector<bson>& documents) override;
  [[nodiscard]] answer follow(const feed& what, place& from, const callbacks& to, std::stop_token stop) override;
  void interrupt(const place& follower) override;

 private:
  class listed;

  [[nodiscard]] answer run(mongoc_client_t* client, const bson_t* command, bson_t* reply) const;
  [[nodiscard]] answer make(mongoc_client_t* client, const feed& what);
  [[nodiscard]] bool exists(mongoc_client_t* client, const std::string& coll) const;
  [[nodiscard]] answer make_capped(mongoc_client_t* client, const feed& what);
  [[nodiscard]] answer find_newest(mongoc_client_t* client, const std::string& coll, std::vector<bson>& ids) const;
  [[nodiscard]] answer find_place(mongoc_client_t* client, const feed& what, place& from, const callbacks& to,
                                  std::vector<bson>& newest);
  [[nodiscard]] answer open(tail_cursor& c, mongoc_client_t* client, const feed& what, const bson_t* filter,
                            server_reply& reply, bool& mended);
  [[nodiscard]] answer insert(mongoc_client_t* client, const std::string& coll,
                              const std::vector<bson>& documents) const;
  void forget(const std::string& coll);

  std::shared_ptr<mongo_pool> pool_;
  std::string db_;
  log_callback log_;
  std::mutex guard_;
  std::set<std::string> made_;  // collections that are known to exist
  std::map<const place*, tail_cursor::name> followers_;
};

}  // namespace dlock
