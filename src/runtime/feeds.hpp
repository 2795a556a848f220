#pragma once

#include <string>

#include "protocol/event.hpp"
#include "store/channel.hpp"

/// The collections of the notification database.
namespace dlock {

/// mubsub's size: another one would not be an error, but nothing would be gained.
inline channel::feed feed_of_events(const std::string& name) {
  return {name, 5'242'880, ""};
}

/// What `client` is told.
inline channel::feed feed_of_inbox(const std::string& name, const std::string& client) {
  return {protocol::inbox_of(name, client), 1'048'576, client};
}

}  // namespace dlock
