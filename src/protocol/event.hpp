#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/bson.hpp"
#include "protocol/document.hpp"

/// Messages that go through the notification database. They are only hints: what is true about a lock, only its
/// document tells. docs/events.md has the formats.
namespace dlock::protocol {

/// A grant notice: tells an heir that it holds the lock. It goes only to the inbox of the heir, and only somebody who
/// may read the locks can know `id`.
struct grant {
  std::string lock;
  std::string id;  // the acquisition
  std::int64_t fence = 0;
  ms since = 0;  // on the server's clock
  bool operator==(const grant&) const = default;
};

/// The number of inboxes. Each inbox is a capped collection. A client listens to one of them, and sees the notices of
/// all clients that share it.
inline constexpr std::uint32_t inboxes = 512;

/// The collection with the notices for `client`: "<channel>.inbox.<hash of client mod inboxes>".
[[nodiscard]] std::string inbox_of(const std::string& channel, const std::string& client);

[[nodiscard]] bson grant_document(const std::string& client, const grant& g);
/// No result if the document is not a grant notice.
[[nodiscard]] std::optional<grant> parse_grant(const bson_t* document);

/// A revocation notice: tells a holder that somebody has revoked it. It goes to the inbox of the holder, too.
struct revocation {
  std::string lock;
  std::string id;  // the acquisition
  std::string by;  // who revoked it
  bool operator==(const revocation&) const = default;
};
[[nodiscard]] bson revocation_document(const std::string& client, const revocation& r);
[[nodiscard]] std::optional<revocation> parse_revocation(const bson_t* document);

/// A recall: tells a holder that somebody waits for the lock, so it must not keep the lease when it does not use it. It
/// goes to the inbox of the holder.
struct recall {
  std::string lock;
  std::string id;  // the acquisition
  bool operator==(const recall&) const = default;
};
[[nodiscard]] bson recall_document(const std::string& client, const recall& r);
[[nodiscard]] std::optional<recall> parse_recall(const bson_t* document);

/// An event for everybody: a lock was locked or unlocked. The format is that of mubsub, as mongo-dlock 1.x writes and
/// reads it: {event: <lock>, message: {id: <lock>, locked}}. In addition, `message` has fields that mongo-dlock
/// ignores: token, who, at, waited, held, lost. A reader of any version ignores fields that it does not know.
struct announcement {
  std::string lock;
  bool locked = false;
  std::int64_t token = 0;  // 0: from mongo-dlock
  std::string who;         // "": from mongo-dlock
  ms at = 0;               // on the server's clock; 0: from mongo-dlock
  // Absent in the events of older versions and of mongo-dlock:
  std::optional<ms> waited = {};  // locked: from the beginning of the call to the grant. Absent if it is no new grant
  std::optional<ms> held = {};    // unlocked: from the grant to the release
  bool lost = false;              // unlocked: the lease was lost before
  bool operator==(const announcement&) const = default;
};

/// False for a lock whose name would crash the listeners of mongo-dlock 1.x. There are no events for such a lock.
[[nodiscard]] bool can_be_announced(const std::string& lock);

[[nodiscard]] bson announcement_document(const announcement& a);
/// No result for a document of another form (a keep-alive, an event of another program), or with a token that no server
/// grants.
[[nodiscard]] std::optional<announcement> parse_announcement(const bson_t* document);

/// Says that its author could not publish some events. For mubsub it is a keep-alive.
[[nodiscard]] bson gap_document();
[[nodiscard]] bool is_gap(const bson_t* document);

/// Keeps an empty channel alive: a tailable cursor on an empty collection is dead at once.
[[nodiscard]] bson keep_alive_document();

}  // namespace dlock::protocol
