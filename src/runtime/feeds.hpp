#pragma once

#include <string>

#include "protocol/event.hpp"
#include "store/channel.hpp"

/// The collections of the notification database.
namespace dlock {

/// This is mubsub's size. Another size is not an error, but has no advantage.
inline channel::feed feed_of_events(const std::string& name) {
  return {name, 5'242'880, ""};
}

/// The inbox of `client`: the notices for it.
inline channel::feed feed_of_inbox(const std::string& name, const std::string& client) {
  return {protocol::inbox_of(name, client), 1'048'576, client};
}

}  // namespace dlock
