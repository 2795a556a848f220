#include "protocol/event.hpp"

#include "protocol/read.hpp"

namespace dlock::protocol {
namespace {

void append_date(bson_t* to, const char* key, ms value) {
  bson_append_date_time(to, key, -1, value);
}

/// None if it is missing, or if nobody can have measured it.
std::optional<ms> read_duration(const bson_t* in, const char* key) {
  constexpr ms kLongest = ms{1} << 40;  // 34 years
  const ms value = read_number(in, key, -1);
  return value >= 0 && value <= kLongest ? std::optional(value) : std::nullopt;
}

/// FNV-1a. Every version of every client must calculate the same number.
std::uint64_t hash(const std::string& text) {
  std::uint64_t h = 14695981039346656037u;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return h;
}

}  // namespace

std::string inbox_of(const std::string& channel, const std::string& client) {
  return channel + ".inbox." + std::to_string(hash(client) % inboxes);
}

bson grant_document(const std::string& client, const grant& g) {
  auto d = make_bson();
  append(d.get(), "to", client);
  append(d.get(), "lock", g.lock);
  append(d.get(), "id", g.id);
  append(d.get(), "fence", g.fence);
  append_date(d.get(), "since", g.since);
  return d;
}

std::optional<grant> parse_grant(const bson_t* document) {
  grant g{read_string(document, "lock"), read_string(document, "id"), read_number(document, "fence"),
          read_date(document, "since").value_or(0)};
  if (g.id.empty() || g.since <= 0 || !is_token(g.fence, g.since)) return std::nullopt;
  return g;
}

bson revocation_document(const std::string& client, const revocation& r) {
  auto d = make_bson();
  append(d.get(), "to", client);
  append(d.get(), "lock", r.lock);
  append(d.get(), "id", r.id);
  append(d.get(), "revoked_by", r.by);
  return d;
}

std::optional<revocation> parse_revocation(const bson_t* document) {
  bson_iter_t it;
  revocation r{read_string(document, "lock"), read_string(document, "id"), read_string(document, "revoked_by")};
  if (r.id.empty() || !find_field(document, "revoked_by", it)) return std::nullopt;
  return r;
}

bson recall_document(const std::string& client, const recall& r) {
  auto d = make_bson();
  append(d.get(), "to", client);
  append(d.get(), "lock", r.lock);
  append(d.get(), "id", r.id);
  append_bool(d.get(), "recall", true);
  return d;
}

std::optional<recall> parse_recall(const bson_t* document) {
  recall r{read_string(document, "lock"), read_string(document, "id")};
  if (r.id.empty() || !read_flag(document, "recall", false)) return std::nullopt;
  return r;
}

bool can_be_announced(const std::string& lock) {
  return lock != "error";
}

bson announcement_document(const announcement& a) {
  auto message = make_bson();
  append(message.get(), "id", a.lock);
  append_bool(message.get(), "locked", a.locked);
  append(message.get(), "token", a.token);
  append(message.get(), "who", a.who);
  append_date(message.get(), "at", a.at);
  if (a.waited) append(message.get(), "waited", *a.waited);
  if (a.held) append(message.get(), "held", *a.held);
  if (a.lost) append_bool(message.get(), "lost", true);
  auto d = make_bson();
  append(d.get(), "event", a.lock);
  append(d.get(), "message", message.get());
  return d;
}

std::optional<announcement> parse_announcement(const bson_t* document) {
  std::optional<announcement> out;
  read_document(document, "message", [&](const bson_t* message) {
    bson_iter_t locked;
    if (!find_field(message, "locked", locked) || !BSON_ITER_HOLDS_BOOL(&locked)) return;
    announcement a{read_string(message, "id"), bson_iter_bool(&locked), read_number(message, "token"),
                   read_string(message, "who"), read_date(message, "at").value_or(0)};
    if (a.locked) {
      a.waited = read_duration(message, "waited");
    } else {
      a.held = read_duration(message, "held");
      a.lost = read_flag(message, "lost", false);
    }
    const bool possible = a.token == 0 || is_token(a.token, a.at);
    if (possible && !a.lock.empty() && a.lock == read_string(document, "event")) out = std::move(a);
  });
  return out;
}

bson keep_alive_document() {
  auto d = make_bson();
  append_bool(d.get(), "dummy", true);
  return d;
}

bson gap_document() {
  auto d = keep_alive_document();
  append_bool(d.get(), "gap", true);
  return d;
}

bool is_gap(const bson_t* document) {
  return read_flag(document, "gap", false);
}

}  // namespace dlock::protocol
