#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "doctor/checks.hpp"

/// The facts of a deployment in which nothing is wrong, and what is found wrong with facts.
namespace dlock::doctor {

using namespace std::chrono_literals;

inline looked done() {
  looked l;
  l.what = looked::end::done;
  return l;
}

inline looked not_done(looked::end how, const std::string& why) {
  looked l;
  l.what = how;
  l.why = why;
  return l;
}

inline member_info member(const std::string& host, member_state state) {
  member_info m;
  m.host = host;
  m.state = state;
  m.version = "8.0.4";
  m.reachable = true;
  m.round_trip = 400us;
  m.clock_offset = 3ms;
  m.clock_precision = 700us;
  return m;
}

inline member_info down(const std::string& host) {
  member_info m;
  m.host = host;
  m.problem = "connection refused";
  return m;
}

inline login_facts locker() {
  login_facts out;
  out.look = done();
  out.user = "locker";
  out.db = "admin";
  out.privileges.push_back(
      {.db = "dlocks", .coll = "dlocks", .actions = {"find", "insert", "update", "createIndex", "listIndexes"}});
  out.privileges.push_back(
      {.db = "dlocks", .coll = "dlocks.history", .actions = {"find", "insert", "update", "createIndex"}});
  out.privileges.push_back({.db = "mongo_dlock_notif", .coll = "", .actions = {"find", "insert", "convertToCapped"}});
  return out;
}

inline facts healthy() {
  facts f;
  f.db = f.coll = "dlocks";
  f.notif_db = f.channel = "mongo_dlock_notif";
  f.driver = "1.23.1";
  f.now = 1796000000000;  // 2026-11-30
  f.url.tls = true;
  f.url.remote_hosts = {"db1.example:27017"};
  f.contact = f.index.look = f.feeds.contact = f.feeds.look = f.surveyed = done();
  f.members = {member("a:27017", member_state::primary), member("b:27017", member_state::secondary),
               member("c:27017", member_state::secondary)};
  f.login = f.notices_login = locker();
  f.index.collection = true;
  f.index.indexes = {{.name = "et_1", .seconds = 60}};
  f.feeds.there = true;
  f.feeds.inboxes = 3;
  f.locks.seen = 10;
  f.locks.largest = {"job", 900};
  f.locks.longest = {"job", 3};
  return f;
}

/// The worst of each check that is not ok.
inline std::map<std::string, severity> complaints(const std::vector<diagnosis>& all) {
  std::map<std::string, severity> out;
  for (const auto& d : all) {
    if (d.level != severity::ok) out[d.check] = std::max(out[d.check], d.level);
  }
  return out;
}

inline std::string text_of(const std::vector<diagnosis>& all) {
  std::string out;
  for (const auto& d : all) {
    if (d.level != severity::ok) out += d.check + ": " + d.what + "; " + d.consequence + "; " + d.command + "\n";
  }
  return out;
}

inline constexpr auto hint = severity::hint;
inline constexpr auto finding = severity::finding;

}  // namespace dlock::doctor
