#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <dlock/options.hpp>

#include "store/facts.hpp"
#include "store/mongo_pool.hpp"

namespace dlock {

/// Reads the facts of a deployment, with connections of its own. It changes nothing.
class examiner {
 public:
  /// `options` must be validated. `own_channel`: the user gave a notif_url. Throws error(invalid_argument).
  examiner(const client_options& options, bool own_channel);

  /// Blocks for some seconds: each wait for the network is short, and most of them are at the same time. Never throws
  /// because of a server.
  [[nodiscard]] facts read();

  /// Removes the document of a lock that nobody holds or waits for. Most users may not do that.
  [[nodiscard]] looked remove(const std::string& id);

  /// "host:port,..."
  [[nodiscard]] std::string hosts() const { return locks_->hosts(); }

 private:
  void read_all(facts& out);
  void read_locks(mongoc_client_t* client, facts& out) const;
  void read_index(mongoc_client_t* client, facts& out) const;
  void survey_locks(mongoc_client_t* client, facts& out) const;
  void read_notices(facts& out) const;

  std::string db_, coll_, notif_db_, channel_;
  std::chrono::seconds grace_;
  std::chrono::milliseconds clock_skew_;
  std::shared_ptr<mongo_pool> locks_, notices_;
};

/// What the URL says, for the judgement.
[[nodiscard]] url_facts facts_of(const mongoc_uri_t* uri);
/// What the reply of connectionStatus says.
void read_login(const bson_t* status, login_facts& out);
/// What a reply of listIndexes says.
void read_indexes(const bson_t* reply, index_facts& out);

}  // namespace dlock
