#include "store/feeds_facts.hpp"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/command_parts.hpp"
#include "protocol/read.hpp"
#include "store/tail_cursor.hpp"

namespace dlock {
namespace {

constexpr std::int64_t kAll = 10'000;      // collections in one batch; there are 513 of ours
constexpr std::size_t kTriedInboxes = 32;  // of those whose options the user may not read
constexpr int kNotCapped = 2;  // BadValue: the answer to a tailable cursor on a collection that is not capped

struct feed_found {
  std::string name;
  std::optional<bool> capped;
};

/// With options if the user may list them; else by name, which every user may for collections of its own.
answer list_collections(const notices_at& where, std::vector<feed_found>& out) {
  answer a;
  for (const bool names : {false, true}) {
    auto command = protocol::single("listCollections", std::int64_t{1});
    append(command.get(), "cursor", protocol::single("batchSize", kAll).get());
    append_bool(command.get(), "nameOnly", names);
    append_bool(command.get(), "authorizedCollections", names);
    server_reply reply;
    a = where.pool.run(where.client, where.db, command.get(), reply.out());
    if (a.what != answer::kind::replied) continue;
    protocol::read_document(reply.get(), "cursor", [&](const bson_t* cursor) {
      protocol::read_document(cursor, "firstBatch", [&](const bson_t* batch) {
        bson_iter_t it;
        if (!bson_iter_init(&it, batch)) return;
        while (bson_iter_next(&it)) {
          protocol::read_document(it, [&](const bson_t* each) {
            feed_found& found = out.emplace_back();
            found.name = protocol::read_string(each, "name");
            protocol::read_document(each, "options", [&](const bson_t* options) {
              found.capped = protocol::read_flag(options, "capped", false);
            });
          });
        }
      });
    });
    return a;
  }
  return a;
}

/// Only a capped collection can be tailed.
std::optional<bool> can_be_tailed(const notices_at& where, const std::string& coll) {
  auto find = find_command(coll, make_bson().get());
  append_bool(find.get(), "tailable", true);
  append(find.get(), "batchSize", std::int64_t{1});
  server_reply reply;
  const answer a = where.pool.run(where.client, where.db, find.get(), reply.out());
  if (a.server_code == kNotCapped) return false;
  if (a.what != answer::kind::replied) return std::nullopt;
  if (const auto id = cursor_id(reply.get()); id != 0) {
    auto command = protocol::single("killCursors", coll);
    append_array(command.get(), "cursors", protocol::single("0", id).get());
    server_reply killed;
    (void)where.pool.run(where.client, where.db, command.get(), killed.out());
  }
  return true;
}

bool is_inbox(const std::string& name, const std::string& channel) {
  const std::string begin = channel + ".inbox.";
  return name.starts_with(begin) && name.size() > begin.size() &&
         std::all_of(name.begin() + static_cast<std::ptrdiff_t>(begin.size()), name.end(),
                     [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

answer read_feeds(const notices_at& where, const std::string& channel, channel_facts& out) {
  std::vector<feed_found> all;
  answer a = list_collections(where, all);
  std::size_t tried = 0;
  for (auto& each : all) {
    const bool is_channel = each.name == channel;
    if (!is_channel && !is_inbox(each.name, channel)) continue;
    if (!each.capped && (is_channel || tried++ < kTriedInboxes)) each.capped = can_be_tailed(where, each.name);
    if (is_channel) {
      out.there = true;
      out.capped = each.capped.value_or(true);
      continue;
    }
    ++out.inboxes;
    if (!each.capped) ++out.unseen;
    if (each.capped && !*each.capped) out.uncapped.push_back(std::move(each.name));
  }
  return a;
}

}  // namespace dlock
