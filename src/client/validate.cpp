#include "client/validate.hpp"

#include <algorithm>
#include <cctype>

#include <dlock/error.hpp>

#include "store/connection_string.hpp"
#include "store/driver.hpp"
#include "util/identity.hpp"
#include "util/text.hpp"

namespace dlock {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

[[noreturn]] void refuse(const std::string& why) {
  throw error(errc::invalid_argument, why);
}

std::string shown(milliseconds d) {
  return std::to_string(d.count()) + " ms";
}

void check(const char* option, milliseconds value, milliseconds least, milliseconds most) {
  if (value < least || value > most) {
    refuse(std::string(option) + " is " + shown(value) + "; it must be from " + shown(least) + " to " + shown(most));
  }
}

void check_expiry(expiry v) {
  if (v == expiry::server_clock || v == expiry::observed) return;
  refuse("expiry is " + std::to_string(static_cast<int>(v)) + "; it must be server_clock or observed");
}

void check_exp_delta(milliseconds v) {
  check("exp_delta", v, 200ms, longest_time);
}
void check_wait_lock_period(milliseconds v) {
  check("wait_lock_period", v, 50ms, longest_time);
}

/// MongoDB's rules for names that work on every platform.
void check_name(const char* option, const std::string& name, std::size_t longest, const char* forbidden) {
  if (name.empty()) refuse(std::string(option) + " is empty; give a name");
  if (!is_plain_utf8(name)) refuse(std::string(option) + " is not UTF-8, or contains a NUL byte; choose another name");
  if (name.size() > longest) {
    refuse(std::string(option) + " is longer than " + std::to_string(longest) + " bytes; choose a shorter name");
  }
  if (name.find_first_of(forbidden) != std::string::npos) {
    refuse(std::string(option) + " " + in_quotes(name) + " contains one of " + forbidden + " ; choose another name");
  }
}

void check_collection(const char* option, const std::string& name) {
  check_name(option, name, 190, "$");
  if (name.starts_with("system.") || name.starts_with('.') || name.ends_with('.')) {
    refuse(std::string(option) + " " + in_quotes(name) + " is reserved by MongoDB; choose another name");
  }
}

/// Returns `url` with another database. The driver cannot write a URL, so this function replaces the text between hosts
/// and options. `url` was parsed before, so its parts are in order.
std::string default_notif_url(const std::string& url) {
  const auto uri = parse_connection_string(url, "url");
  const auto begin = url.find("://") + 3;
  const auto at = url.rfind('@', url.find('/', begin));
  const auto end = std::min(url.find_first_of("/?", at == std::string::npos || at < begin ? begin : at), url.size());
  const auto query = url.find('?', end);
  std::string options = query == std::string::npos ? "" : url.substr(query);
  // The database of the user must stay the same. Without authSource, it is the database in the URL, so authSource is
  // added. The driver does not list authSource among its own options, so it is searched for in the text.
  std::string lower = options;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  if (mongoc_uri_get_username(uri.get()) != nullptr && lower.find("authsource=") == std::string::npos) {
    options += (options.empty() ? "?authSource=" : "&authSource=") + std::string(mongoc_uri_get_auth_source(uri.get()));
  }
  return url.substr(0, end) + "/mongo_dlock_notif" + options;
}

std::string cut(std::string text, std::size_t longest) {
  if (text.size() > longest) text.resize(longest);
  while (!text.empty() && !is_plain_utf8(text)) text.pop_back();
  return text;
}

}  // namespace

client_options validated(client_options o) {
  initialise_driver();
  (void)parse_connection_string(o.url, "url");
  check_name("db", o.db, 63, "/\\. \"$*<>:|?");
  check_collection("coll", o.coll);
  if (o.notif_url) {
    (void)parse_connection_string(*o.notif_url, "notif_url");
  } else {
    o.notif_url = default_notif_url(o.url);
  }
  check_collection("notif_channel", o.notif_channel);
  const auto notif_uri = parse_connection_string(*o.notif_url, "notif_url");
  const char* notif_db = mongoc_uri_get_database(notif_uri.get());
  if (notif_db != nullptr && o.db == notif_db &&
      (o.coll == o.notif_channel || o.coll.starts_with(o.notif_channel + ".inbox."))) {
    refuse("notif_channel is the collection of the locks, " + o.db + "." + o.coll +
           "; choose another name for one of them");
  }
  if (o.grace < 1s || o.grace > std::chrono::seconds{2147483647}) {
    refuse("grace is " + std::to_string(o.grace.count()) + " s; it must be from 1 s to 2147483647 s");
  }
  check_exp_delta(o.exp_delta);
  check_wait_lock_period(o.wait_lock_period);
  check("clock_skew", o.clock_skew, 0ms, 1h);
  check("connect_timeout", o.connect_timeout, 100ms, longest_time);
  check("operation_timeout", o.operation_timeout, 100ms, 1h);
  check_expiry(o.expiry);
  if (!o.who) o.who = cut(default_who(), 200);
  if (!is_plain_utf8(*o.who)) refuse("who is not UTF-8, or contains a NUL byte; give another text");
  if (o.who->size() > 200) refuse("who is longer than 200 bytes; give a shorter text");
  return o;
}

const std::string& checked_id(const std::string& id) {
  if (id.empty()) refuse("the lock's id is empty; give a name, or none for a new UUID");
  if (id.size() > 1000)
    refuse("the lock's id " + in_quotes(id) + " has " + std::to_string(id.size()) + " bytes; at most 1000 are allowed");
  if (id.find('\0') != std::string::npos) {
    refuse("the lock's id " + in_quotes(id) + " contains a NUL byte; give an id without it");
  }
  if (!is_plain_utf8(id)) refuse("the lock's id " + in_quotes(id) + " is not valid UTF-8; give another id");
  return id;
}

std::string checked_note(const char* what, std::string note) {
  constexpr std::size_t longest = 1024;
  if (note.size() > longest) {
    refuse(std::string(what) + " has " + std::to_string(note.size()) + " bytes; at most " + std::to_string(longest) +
           " are allowed");
  }
  if (!is_plain_utf8(note)) {
    refuse(std::string(what) + " is not UTF-8, or contains a NUL byte; give another text");
  }
  return note;
}

void check_release(const std::string& doing, milliseconds at_least, milliseconds timeout) {
  if (timeout <= 0ms) refuse(doing + ": the timeout is " + shown(timeout) + "; it must be positive");
  if (at_least < 0ms || at_least > longest_time) {
    refuse(doing + ": at_least is " + shown(at_least) + "; it must be from 0 ms to " + shown(longest_time));
  }
}

lock_settings validated(const lock_options& o, const client_options& defaults, environment& env) {
  lock_settings s;
  s.id = o.id ? *o.id : env.fresh_id();
  (void)checked_id(s.id);
  s.exp_delta = o.exp_delta.value_or(defaults.exp_delta);
  s.autorefresh = o.autorefresh.value_or(defaults.autorefresh);
  s.wait_lock_period = o.wait_lock_period.value_or(defaults.wait_lock_period);
  s.expiry = o.expiry.value_or(defaults.expiry);
  s.durable_release = o.durable_release;
  s.local_turns = o.local_turns;
  s.linger = o.linger;
  s.note = checked_note("note", o.note);
  check_exp_delta(s.exp_delta);
  check_wait_lock_period(s.wait_lock_period);
  check_expiry(s.expiry);
  check("linger", s.linger, 0ms, s.exp_delta / 2);
  if (s.local_turns < 1 || s.local_turns > 999) {
    refuse("local_turns is " + std::to_string(s.local_turns) + "; it must be from 1 to 999");
  }
  return s;
}

}  // namespace dlock
