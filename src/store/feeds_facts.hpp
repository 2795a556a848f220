#pragma once

#include <string>

#include "store/facts.hpp"
#include "store/mongo_pool.hpp"

namespace dlock {

/// A connection to the database of the notifications.
struct notices_at {
  const mongo_pool& pool;
  mongoc_client_t* client;
  const std::string& db;
};

/// Reads whether the channel and the inboxes exist, and whether they are capped.
[[nodiscard]] answer read_feeds(const notices_at& where, const std::string& channel, channel_facts& out);

}  // namespace dlock
