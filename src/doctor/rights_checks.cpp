// Rights: those of docs/security.md, and those that are more.
#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>

#include "doctor/checks.hpp"
#include "doctor/report.hpp"

namespace dlock::doctor {
namespace {

struct needed {
  const char* action;
  const char* consequence;
};

constexpr needed kOnLocks[] = {
    {"find", "no lock can be read or acquired"},
    {"insert", "no lock can be acquired for the first time"},
    {"update", "no lock can be acquired or released"},
    {"createIndex", "no client can start, unless somebody else has made the TTL index"},
    {"listIndexes", "dlock cannot use a TTL index with another grace"},
};
constexpr needed kOnNotices[] = {
    {"find", "nothing is received: waiters poll, and dlock watch fails"},
    {"insert", "nobody is woken, and no event is published"},
    {"convertToCapped", "the channel and the inboxes cannot be made: waiters poll"},
};

constexpr needed kOnHistory[] = {
    {"find", "dlock run --unless-done-within does not work, and dlock show has no history"},
    {"insert", "dlock run records nothing in the history"},
    {"update", "dlock run records nothing in the history"},
    {"createIndex", "old entries of the history stay for ever"},
};

bool covers(const privilege& p, const std::string& db, const std::string& coll) {
  if (p.anything) return true;
  return !p.cluster && (p.db.empty() || p.db == db) && (p.coll.empty() || p.coll == coll);
}

bool may(const login_facts& who, const std::string& action, const std::string& db, const std::string& coll) {
  return std::any_of(who.privileges.begin(), who.privileges.end(), [&](const auto& p) {
    return covers(p, db, coll) && std::find_if(p.actions.begin(), p.actions.end(), [&](const auto& a) {
                                    return a == action || a == "anyAction";
                                  }) != p.actions.end();
  });
}

/// Gives the user one more role with these actions. It works whatever roles the user has.
std::string grant(const login_facts& who, const std::string& name, const std::string& resource,
                  const std::string& actions) {
  const std::string role = js("dlock-" + who.user + "-" + name);
  return "db.getSiblingDB(\"admin\").runCommand({createRole: " + role + ", privileges: [{resource: " + resource +
         ", actions: [" + actions + "]}], roles: []}); db.getSiblingDB(" + js(who.db) +
         ").runCommand({grantRolesToUser: " + js(who.user) + ", roles: [{role: " + role + ", db: \"admin\"}]})";
}

/// Where some rights are needed. `coll` stands for all that the resource has to cover.
struct place_of_rights {
  const std::string& db;
  std::string coll;
  bool whole_db = false;
  bool for_locks = true;  // or only for something beside them
};

template <std::size_t N>
void check_needed(const login_facts& who, const place_of_rights& on, const needed (&all)[N], report& to) {
  std::string missing, consequence, actions;
  for (const auto& each : all) {
    if (may(who, each.action, on.db, on.coll)) continue;
    missing += (missing.empty() ? "" : ", ") + std::string(each.action);
    actions += (actions.empty() ? "" : ", ") + js(each.action);
    if (consequence.empty()) consequence = each.consequence;
  }
  if (missing.empty()) return;
  const std::string resource = "{db: " + js(on.db) + ", collection: " + js(on.whole_db ? "" : on.coll) + "}";
  const std::string name = on.whole_db ? on.db : on.db + "." + on.coll;
  const std::string what = "user " + js(who.user) + " may not " + missing + " on " + name;
  const std::string command = grant(who, name, resource, actions);
  on.for_locks ? to.finding(what, consequence, command) : to.hint(what, consequence, command);
}

void check_login(const facts& f, report& to) {
  if (!f.login.look.done()) {
    to.hint("what the user may do is not known: " + f.login.look.why,
            "a right that is missing shows only when it is needed", "");
  } else if (!f.login.user.empty()) {
    check_needed(f.login, {.db = f.db, .coll = f.coll}, kOnLocks, to);
    check_needed(f.login, {.db = f.db, .coll = f.coll + ".history", .for_locks = false}, kOnHistory, to);
  } else if (f.surveyed.what == looked::end::refused) {
    to.finding("nobody has logged in, and the server wants it: " + f.surveyed.why, "nothing works",
               "write user and password into the URL: mongodb://USER:PASSWORD@HOST/?authSource=admin");
  } else if (!f.url.remote_hosts.empty()) {
    to.hint("the server wants no login", "whoever reaches it can change every lock",
            "mongod --auth, and a user with the role of docs/security.md");
  }
}

/// Actions that change data, or let somebody get other rights.
constexpr std::array kWrites{"insert",           "update",    "remove",    "dropCollection", "dropDatabase",
                             "createUser",       "grantRole", "anyAction", "createRole",     "changeAnyCustomData",
                             "changeAnyPassword"};

bool writes(const privilege& p) {
  return std::any_of(p.actions.begin(), p.actions.end(), [](const auto& a) {
    return std::find(kWrites.begin(), kWrites.end(), std::string_view(a)) != kWrites.end();
  });
}

std::string name_of_resource(const privilege& p) {
  if (p.anything) return "everything";
  if (p.db.empty()) return p.coll.empty() ? "every database" : p.coll + " in every database";
  return p.coll.empty() ? "database " + p.db : p.db + "." + p.coll;
}

/// What the user may change although no lock needs it.
void collect_more(const login_facts& who, const facts& f, std::set<std::string>& out) {
  for (const auto& p : who.privileges) {
    if (p.cluster || !writes(p)) continue;
    const bool ours = !p.anything && (p.db == f.db || p.db == f.notif_db);
    if (!ours) out.insert(name_of_resource(p));
  }
  // One of these says it all.
  for (const char* all : {"everything", "every database"}) {
    if (out.contains(all)) {
      out = {all};
      return;
    }
  }
}

}  // namespace

void check_rights(const facts& f, std::vector<diagnosis>& out) {
  report to(out, "rights");
  check_login(f, to);
  if (f.notices_login.look.done() && !f.notices_login.user.empty()) {
    // The inboxes are made when they are needed, so any of them stands for all.
    check_needed(f.notices_login, {.db = f.notif_db, .coll = f.channel + ".inbox.0", .whole_db = true}, kOnNotices, to);
  }
  if (to.any()) return;
  to.ok(f.login.user.empty() ? "the server wants no login" : "user " + js(f.login.user) + " may do what dlock needs");
}

void check_more_rights(const facts& f, std::vector<diagnosis>& out) {
  report to(out, "more-rights");
  std::set<std::string> more;
  collect_more(f.login, f, more);
  collect_more(f.notices_login, f, more);
  if (more.empty()) return to.ok("the user may change nothing else");
  to.hint("user " + js(f.login.user) + " may also change " + listed({more.begin(), more.end()}),
          "whoever learns the password can do more than dlock needs", "make a user with the role of docs/security.md");
}

}  // namespace dlock::doctor
