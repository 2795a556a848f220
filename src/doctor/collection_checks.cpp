// Collections: the TTL index, the notifications, and the documents of the locks.
#include <algorithm>
#include <string>

#include "doctor/checks.hpp"
#include "doctor/report.hpp"
#include "protocol/plausible.hpp"
#include "util/text.hpp"

namespace dlock::doctor {
namespace {

constexpr std::int64_t kShortGrace = 30;  // how long tombstones must stay
constexpr std::int64_t kMegabyte = 1 << 20;

std::vector<std::string> ids_of(const std::vector<survey::one>& all) {
  std::vector<std::string> out;
  for (const auto& each : all) out.push_back(each.id.empty() ? "one whose _id is not a string" : in_quotes(each.id));
  return out;
}

/// The names of some, and how many there are.
std::string some_of(std::int64_t number, const std::vector<survey::one>& examples) {
  auto names = ids_of(examples);
  const auto more = number - static_cast<std::int64_t>(examples.size());
  if (more > 0) names.push_back(std::to_string(more) + " more");
  return listed(names, names.size());
}

/// The survey, or why there is none.
bool was_seen(const facts& f, report& to) {
  if (f.surveyed.done()) return true;
  to.hint("the locks could not be read: " + f.surveyed.why, "what is wrong with them is not known",
          "see the check rights");
  return false;
}

std::string seen_all(const facts& f) {
  return "of " + counted(f.locks.seen, "document", "documents") + (f.locks.whole ? "" : ", which are not all");
}

std::string cap(const facts& f, const std::string& coll, std::int64_t size) {
  return "db.getSiblingDB(" + js(f.notif_db) + ").runCommand({convertToCapped: " + js(coll) +
         ", size: " + std::to_string(size) + "})";
}

}  // namespace

void check_index(const facts& f, std::vector<diagnosis>& out) {
  report to(out, "ttl-index");
  const std::string locks = js(f.db, f.coll);
  const std::string grace = std::to_string(f.grace.count());
  const std::string make = locks + ".createIndex({et: 1}, {expireAfterSeconds: " + grace + "})";
  if (!f.index.look.done()) {
    return to.hint("the indexes could not be read: " + f.index.look.why, "whether there is a TTL index is not known",
                   "see the check rights");
  }
  if (!f.index.collection)
    return to.ok(f.db + "." + f.coll + " does not exist yet; the first client makes it, and the index");
  if (f.index.indexes.empty()) {
    return to.finding(f.db + "." + f.coll + " has no TTL index on et",
                      "the documents of idle locks stay for ever, until a client makes the index at its start", make);
  }
  const auto ttl =
      std::find_if(f.index.indexes.begin(), f.index.indexes.end(), [](const auto& i) { return i.seconds.has_value(); });
  if (ttl == f.index.indexes.end()) {
    const std::string& name = f.index.indexes.front().name;
    return to.finding("the index " + js(name) + " on et is not a TTL index", "clients refuse to start",
                      locks + ".dropIndex(" + js(name) + "); " + make);
  }
  const std::string what = "the TTL index has a grace of " + std::to_string(*ttl->seconds) + " s";
  const std::string change = "db.getSiblingDB(" + js(f.db) + ").runCommand({collMod: " + js(f.coll) +
                             ", index: {name: " + js(ttl->name) + ", expireAfterSeconds: ";
  if (*ttl->seconds < kShortGrace) {
    to.finding(what, "tombstones go too early: a late request can take a lock for nobody, for up to one TTL",
               change + std::to_string(std::max<std::int64_t>(f.grace.count(), kShortGrace)) + "}})");
  } else if (*ttl->seconds != f.grace.count()) {
    to.hint(what + ", not of " + grace + " s",
            "it is used as it is, and each client that asks for another value logs a warning", change + grace + "}})");
  } else {
    to.ok(what);
  }
}

void check_channel(const facts& f, std::vector<diagnosis>& out) {
  report to(out, "notifications");
  constexpr auto kConsequence = "waiters are not woken through it, and poll instead";
  const std::string name = f.notif_db + "." + f.channel;
  if (!f.feeds.contact.done()) {
    return to.finding("no contact with the server of the notifications: " + f.feeds.contact.why,
                      "nobody is woken: waiters poll, and there are no events", "check the server, and notif_url");
  }
  if (!f.feeds.look.done()) {
    return to.hint("the collections of " + f.notif_db + " could not be listed: " + f.feeds.look.why,
                   "whether they are capped is not known", "see the check rights");
  }
  if (f.feeds.there && !f.feeds.capped) {
    to.finding(name + " is not capped",
               "nobody hears events until a client has converted it, which it does not if it has other documents",
               cap(f, f.channel, 5 * kMegabyte));
  }
  for (const auto& inbox : f.feeds.uncapped)
    to.finding(f.notif_db + "." + inbox + " is not capped", kConsequence, cap(f, inbox, kMegabyte));
  if (to.any()) return;
  if (!f.feeds.there && f.feeds.inboxes == 0) return to.ok(name + " does not exist yet; the first client makes it");
  const auto inboxes = static_cast<std::int64_t>(f.feeds.inboxes);
  to.ok((f.feeds.there ? name + " is capped, and " : name + " does not exist yet; ") +
        counted(inboxes, "inbox exists", "inboxes exist") +
        (f.feeds.unseen > 0 ? ", of which " + std::to_string(f.feeds.unseen) + " were not looked at" : ""));
}

void check_foreign(const facts& f, std::vector<diagnosis>& out) {
  report to(out, "foreign");
  if (!was_seen(f, to)) return;
  if (f.locks.foreign == 0) return to.ok("no document is anything else than a lock, " + seen_all(f));
  const auto& first = f.locks.foreign_ones.front().id;
  to.finding(counted(f.locks.foreign, "document is", "documents are") +
                 " no lock: " + some_of(f.locks.foreign, f.locks.foreign_ones),
             "a lock with such an id fails with not_a_lock, and another program may do harm to locks",
             first.empty()
                 ? "look: " + js(f.db, f.coll) + ".find({_id: {$not: {$type: \"string\"}}})"
                 : "look: " + js(f.db, f.coll) + ".findOne({_id: " + js(first) + "}); move them to another collection");
}

void check_numbers(const facts& f, std::vector<diagnosis>& out) {
  report to(out, "numbers");
  if (!was_seen(f, to)) return;
  if (f.locks.defects == 0) return to.ok("no lock has an impossible number");
  const auto& first = f.locks.defect_ones.front();
  const bool holder = first.field == protocol::strange_holder;
  to.finding(counted(f.locks.defects, "lock has", "locks have") + " an impossible number in " + first.field + ": " +
                 some_of(f.locks.defects, f.locks.defect_ones),
             holder ? "its holder is not told that it holds the lock, or is shown with token 0"
                    : "calls with this id fail with not_a_lock: the next tokens would be made from this number",
             holder ? "dlock release --force " + js(first.id)
                    : "end the processes that hold it, then " + js(f.db, f.coll) + ".updateOne({_id: " + js(first.id) +
                          "}, {$unset: {" + first.field + ": 1}})");
}

void check_overdue(const facts& f, std::vector<diagnosis>& out) {
  report to(out, "overdue");
  if (!was_seen(f, to)) return;
  if (f.locks.overdue == 0) return to.ok("no lock has outlived its time");
  const auto held = f.locks.overdue_held;
  to.finding(counted(f.locks.overdue, "lock", "locks") + " should have been removed long ago" +
                 (held > 0 ? ", " + std::to_string(held) + " of them with a holder that expired" : "") + ": " +
                 some_of(f.locks.overdue, f.locks.overdue_ones),
             "they block nobody, but the collection grows",
             "see the check ttl-index; if that is ok: db.adminCommand({setParameter: 1, ttlMonitorEnabled: true})");
}

void check_sizes(const facts& f, std::vector<diagnosis>& out) {
  report to(out, "sizes");
  constexpr std::int64_t kLarge = kMegabyte, kTooLarge = 8 * kMegabyte, kLong = 1000, kTooLong = 5000;
  if (!was_seen(f, to)) return;
  const auto& [largest, longest] = std::pair(f.locks.largest, f.locks.longest);
  const auto judge = [&](bool too_much, const std::string& what, const std::string& consequence,
                         const std::string& command) {
    too_much ? to.finding(what, consequence, command) : to.hint(what, consequence, command);
  };
  if (largest.number >= kLarge) {
    judge(largest.number >= kTooLarge,
          "the document of " + in_quotes(largest.id) + " has " + std::to_string(largest.number / 1024) +
              " KiB, of 16 MiB at most",
          "each change writes it anew; when it is full, nobody can join the queue", "dlock show " + js(largest.id));
  }
  if (longest.number >= kLong) {
    judge(longest.number >= kTooLong, std::to_string(longest.number) + " wait for " + in_quotes(longest.id),
          "each change of the lock writes all of them: acquiring and releasing is slow",
          "use more locks, or a semaphore; for queues of hundreds a TTL of 30 s");
  }
  if (!f.locks.whole) {
    to.hint("only " + std::to_string(f.locks.seen) + " documents were looked at",
            "what is wrong with others is not known", "");
  }
  if (!to.any())
    to.ok("the largest document has " + std::to_string(largest.number) + " bytes, the longest queue " +
          std::to_string(longest.number));
}

}  // namespace dlock::doctor
