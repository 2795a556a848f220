#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/bson.hpp"
#include "protocol/document.hpp"

/// What goes through the notification database: hints, never the truth about a lock. docs/events.md has the formats.
namespace dlock::protocol {

/// Tells an heir that it holds the lock. Only the heir's inbox sees it, and only who may read the locks can know `id`.
struct grant {
  std::string lock;
  std::string id;  // the acquisition
  std::int64_t fence = 0;
  ms since = 0;  // server's clock
  bool operator==(const grant&) const = default;
};

/// A client listens to one of so many capped collections; a wake-up is seen by the clients that share one.
inline constexpr std::uint32_t inboxes = 512;

/// The collection in which `client` is told of its grants: "<channel>.inbox.<hash of client mod inboxes>".
[[nodiscard]] std::string inbox_of(const std::string& channel, const std::string& client);

[[nodiscard]] bson grant_document(const std::string& client, const grant& g);
/// Nothing if the document is none.
[[nodiscard]] std::optional<grant> parse_grant(const bson_t* document);

/// Tells a holder that somebody took the lock off it. In its inbox, too.
struct revocation {
  std::string lock;
  std::string id;  // the acquisition
  std::string by;  // who
  bool operator==(const revocation&) const = default;
};
[[nodiscard]] bson revocation_document(const std::string& client, const revocation& r);
[[nodiscard]] std::optional<revocation> parse_revocation(const bson_t* document);

/// What everybody may know: a lock was taken, or given back. The format is mubsub's, as mongo-dlock 1.x writes and
/// reads it: {event: <lock>, message: {id: <lock>, locked}}, and in `message` what it ignores: token, who, at.
struct announcement {
  std::string lock;
  bool locked = false;
  std::int64_t token = 0;  // 0: from mongo-dlock
  std::string who;         // "" : from mongo-dlock
  ms at = 0;               // server's clock; 0: from mongo-dlock
  bool operator==(const announcement&) const = default;
};

/// A mongo-dlock 1.x listener would crash on an event of this name, so nothing is announced for such a lock.
[[nodiscard]] bool can_be_announced(const std::string& lock);

[[nodiscard]] bson announcement_document(const announcement& a);
/// Nothing for what has another form, or a token that no server grants: keep-alives, other people's events.
[[nodiscard]] std::optional<announcement> parse_announcement(const bson_t* document);

/// Says that its author could not publish some events. To mubsub it is a keep-alive.
[[nodiscard]] bson gap_document();
[[nodiscard]] bool is_gap(const bson_t* document);

/// What keeps an empty channel alive: a tailable cursor on an empty collection is dead at once.
[[nodiscard]] bson keep_alive_document();

}  // namespace dlock::protocol
