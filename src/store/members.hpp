#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <dlock/members.hpp>

#include "store/mongo_pool.hpp"

/// Asks each server of a deployment for itself.
namespace dlock {

/// The longest time that ask_members() takes.
inline constexpr std::chrono::milliseconds members_limit{1500};

/// The servers, as "host:port", in the order of their names: the members of the replica set, also those that are down,
/// or else those of the URL. Only after mongo_pool::open(). Blocks for one io_limit if all connections are busy.
[[nodiscard]] std::vector<std::string> known_members(mongo_pool& pool);
/// Those that a reply of hello names: all members of its replica set.
[[nodiscard]] std::vector<std::string> members_in(const bson_t* hello);
/// Those of the URL.
[[nodiscard]] std::vector<std::string> members_in(const mongoc_uri_t* uri);

/// Asks all of them at the same time, each over a connection of its own, with the TLS options of the pool's URL. It
/// does not log in: hello and buildInfo need no login (buildInfo: up to MongoDB 8.0), and a login costs the server 10
/// ms. Blocks for at most members_limit. Thread-safe.
[[nodiscard]] std::vector<member_info> ask_members(const mongo_pool& like, const std::vector<std::string>& hosts);

/// What a reply of hello says.
[[nodiscard]] member_state state_in(const bson_t* hello);
/// The version by a reply of hello: "7.0", or "" if this is not known.
[[nodiscard]] std::string version_in(const bson_t* hello);

}  // namespace dlock
