#include "client/validate.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <dlock/error.hpp>

#include "store/connection_string.hpp"

namespace dlock {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr auto longest = std::chrono::duration_cast<milliseconds>(24h * 365);

/// What validated() says against it; "" if nothing.
template <typename... Arguments>
std::string objection(Arguments&&... arguments) {
  try {
    (void)validated(arguments...);
    return "";
  } catch (const error& e) {
    EXPECT_EQ(e.code(), errc::invalid_argument);
    EXPECT_FALSE(e.retryable());
    EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos) << "one line: " << e.what();
    return e.what();
  }
}

std::string with(const std::function<void(client_options&)>& change) {
  client_options o;
  change(o);
  return objection(o);
}

std::string lock_with(lock_options o) {
  real_environment env;
  return objection(o, validated(client_options{}), env);
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(ClientOptions, DefaultsAreTheSeedsButForTwo) {
  const auto o = validated(client_options{});
  EXPECT_EQ(o.url, "mongodb://localhost:27017");
  EXPECT_EQ(o.db, "dlocks");
  EXPECT_EQ(o.coll, "dlocks");
  EXPECT_EQ(o.notif_channel, "mongo_dlock_notif");
  EXPECT_EQ(o.grace, 60s);
  EXPECT_EQ(o.exp_delta, 5s);
  EXPECT_TRUE(o.autorefresh);
  EXPECT_EQ(o.wait_lock_period, 5s);
  EXPECT_EQ(o.clock_skew, 500ms);
  EXPECT_EQ(o.connect_timeout, 30s);
  EXPECT_EQ(o.operation_timeout, 10s);
  EXPECT_EQ(o.notif_url, "mongodb://localhost:27017/mongo_dlock_notif");
  EXPECT_TRUE(o.who && contains(*o.who, ":")) << "host:pid program";
}

/// The notification channel's defaults, as the driver understands them.
struct notif {
  std::string hosts, database, user, password, source;
  explicit notif(const std::string& url) {
    const auto o = validated(client_options{.url = url});
    const auto uri = parse_connection_string(o.notif_url.value_or(""), "notif_url");
    const auto text = [](const char* s) { return std::string(s == nullptr ? "" : s); };
    hosts = hosts_of(uri.get());
    database = text(mongoc_uri_get_database(uri.get()));
    user = text(mongoc_uri_get_username(uri.get()));
    password = text(mongoc_uri_get_password(uri.get()));
    source = text(mongoc_uri_get_auth_source(uri.get()));
  }
};

TEST(ClientOptions, NotificationsGoToTheLocksServerByDefault) {
  const notif plain("mongodb://a:1,b:2/locks?replicaSet=rs");
  EXPECT_EQ(plain.hosts, "a:1,b:2");
  EXPECT_EQ(plain.database, "mongo_dlock_notif");
}

TEST(ClientOptions, NotificationsUseTheLocksCredentialsByDefault) {
  const notif plain("mongodb://me:s%40crt@a/");
  EXPECT_EQ(plain.user, "me");
  EXPECT_EQ(plain.password, "s@crt");
  EXPECT_EQ(plain.database, "mongo_dlock_notif");
  EXPECT_EQ(plain.source, "admin") << "the user stands where it stood for `url`";
  EXPECT_EQ(notif("mongodb://me:x@a/users").source, "users");
  EXPECT_EQ(notif("mongodb://me:x@a/users?authSource=other").source, "other");
  const std::string options = "?AUTHSOURCE=other";  // said twice, it would be a warning of the driver's
  EXPECT_EQ(validated(client_options{.url = "mongodb://me:x@a/users" + options}).notif_url,
            "mongodb://me:x@a/mongo_dlock_notif" + options);
}

TEST(ClientOptions, AGivenNotificationUrlStays) {
  client_options o;
  o.notif_url = "mongodb://elsewhere/events";
  EXPECT_EQ(validated(o).notif_url, "mongodb://elsewhere/events");
}

struct bad_option {
  std::string option;  // named in the objection
  std::function<void(client_options&)> change;
  std::string hint = "must be";
};

TEST(ClientOptions, EveryBoundIsCheckedWithAReason) {
  const std::vector<bad_option> table{
      {"exp_delta", [](auto& o) { o.exp_delta = 199ms; }},
      {"exp_delta", [](auto& o) { o.exp_delta = 0ms; }},
      {"exp_delta", [](auto& o) { o.exp_delta = -1ms; }},
      {"exp_delta", [](auto& o) { o.exp_delta = longest + 1ms; }},
      {"exp_delta", [](auto& o) { o.exp_delta = milliseconds::max(); }},
      {"exp_delta", [](auto& o) { o.exp_delta = milliseconds::min(); }},
      {"wait_lock_period", [](auto& o) { o.wait_lock_period = 49ms; }},
      {"wait_lock_period", [](auto& o) { o.wait_lock_period = milliseconds::max(); }},
      {"clock_skew", [](auto& o) { o.clock_skew = -1ms; }},
      {"clock_skew", [](auto& o) { o.clock_skew = 1h + 1ms; }},
      {"expiry", [](auto& o) { o.expiry = static_cast<expiry>(2); }},
      {"connect_timeout", [](auto& o) { o.connect_timeout = 99ms; }},
      {"connect_timeout", [](auto& o) { o.connect_timeout = milliseconds::max(); }},
      {"operation_timeout", [](auto& o) { o.operation_timeout = 99ms; }},
      {"operation_timeout", [](auto& o) { o.operation_timeout = 1h + 1ms; }},
      {"grace", [](auto& o) { o.grace = 0s; }},
      {"grace", [](auto& o) { o.grace = -1s; }},
      {"grace", [](auto& o) { o.grace = 2147483648s; }},
      {"grace", [](auto& o) { o.grace = std::chrono::seconds::max(); }},
      {"db", [](auto& o) { o.db = ""; }, "give a name"},
      {"db", [](auto& o) { o.db = std::string("a\0b", 3); }, "NUL"},
      {"db", [](auto& o) { o.db = "\xff"; }, "UTF-8"},
      {"db", [](auto& o) { o.db = "a.b"; }, "choose another"},
      {"db", [](auto& o) { o.db = "a b"; }, "choose another"},
      {"db", [](auto& o) { o.db = "a$b"; }, "choose another"},
      {"db", [](auto& o) { o.db = std::string(64, 'd'); }, "longer than 63"},
      {"coll", [](auto& o) { o.coll = ""; }, "give a name"},
      {"coll", [](auto& o) { o.coll = "a$b"; }, "choose another"},
      {"coll", [](auto& o) { o.coll = "system.x"; }, "choose another"},
      {"coll", [](auto& o) { o.coll = ".x"; }, "choose another"},
      {"coll", [](auto& o) { o.coll = "x."; }, "choose another"},
      {"coll", [](auto& o) { o.coll = std::string(191, 'c'); }, "longer than 190"},
      {"notif_channel", [](auto& o) { o.notif_channel = ""; }, "give a name"},
      {"notif_channel", [](auto& o) { o.notif_channel = "a$"; }, "choose another"},
      {"notif_url", [](auto& o) { o.notif_url = "http://x"; }, "write it as mongodb://"},
      {"who", [](auto& o) { o.who = std::string("a\0b", 3); }, "NUL"},
      {"who", [](auto& o) { o.who = "\xc3("; }, "UTF-8"},
      {"who", [](auto& o) { o.who = std::string(201, 'w'); }, "longer than 200"},
  };
  for (const auto& row : table) {
    const auto why = with(row.change);
    EXPECT_TRUE(contains(why, row.option)) << row.option << ": " << why;
    EXPECT_TRUE(contains(why, row.hint)) << row.option << " should be told \"" << row.hint << "\": " << why;
  }
}

TEST(ClientOptions, TheBoundsThemselvesAreFine) {
  const std::vector<std::function<void(client_options&)>> table{[](auto& o) { o.exp_delta = 200ms; },
                                                                [](auto& o) { o.exp_delta = longest; },
                                                                [](auto& o) { o.wait_lock_period = 50ms; },
                                                                [](auto& o) { o.wait_lock_period = longest; },
                                                                [](auto& o) { o.clock_skew = 0ms; },
                                                                [](auto& o) { o.clock_skew = 1h; },
                                                                [](auto& o) { o.connect_timeout = 100ms; },
                                                                [](auto& o) { o.connect_timeout = longest; },
                                                                [](auto& o) { o.operation_timeout = 100ms; },
                                                                [](auto& o) { o.operation_timeout = 1h; },
                                                                [](auto& o) { o.grace = 1s; },
                                                                [](auto& o) { o.grace = 2147483647s; },
                                                                [](auto& o) { o.db = std::string(63, 'd'); },
                                                                [](auto& o) { o.coll = std::string(190, 'c'); },
                                                                [](auto& o) { o.who = ""; },
                                                                [](auto& o) { o.who = std::string(200, 'w'); },
                                                                [](auto& o) { o.coll = "caf\xc3\xa9.locks"; }};
  for (std::size_t i = 0; i < table.size(); ++i) EXPECT_EQ(with(table[i]), "") << "row " << i;
}

TEST(ClientOptions, HostileUrlsAreRefusedAndAPasswordIsNeverRepeated) {
  const std::string secret = "hunter2";
  for (const std::string url : {"",
                                "mongodb://",
                                "http://localhost",
                                "mongodb:/localhost",
                                "localhost:27017",
                                "mongodb://localhost:99999",
                                "mongodb://localhost:abc",
                                "mongodb://host/db?replicaSet",
                                "mongodb://%zz@host",
                                "mongodb://me:hunter2@",
                                "mongodb://me:hunter2@/",
                                "mongodb://me:hunter2@host:99999/",
                                "mongodb://me:hunter2@x@host:y/",
                                "mongodb://me:%zzhunter2@host",
                                "mongodb://me:a:hunter2@host:x",
                                "mongodb://me:hunter2/x@host",
                                "mongodb//me:hunter2@host",
                                "http://me:hunter2@host/",
                                "me:hunter2@host",
                                "mongodb://me:hunter2@host:1,/",
                                "mongodb://me:hunter2@[::1/",
                                "mongodb://me:hunter2@h\xff/",
                                "mongodb://me:hunter2@host/?authMechanism=NOSUCH&replicaSet=",
                                "mongodb+srv://me:hunter2@host:27017/",
                                "mongodb://me:hunter2@a,b/?directConnection=true"}) {
    const auto why = with([&](auto& o) { o.url = url; });
    EXPECT_FALSE(contains(why, secret)) << why;
    EXPECT_TRUE(contains(why, "url")) << "accepted, or not named: " << url << ": " << why;
    EXPECT_TRUE(contains(why, "mongodb://")) << "says what to write: " << why;
    const auto notif = with([&](auto& o) { o.notif_url = url; });
    EXPECT_FALSE(contains(notif, secret)) << notif;
    EXPECT_TRUE(contains(notif, "notif_url")) << notif;
  }
  EXPECT_NE(with([&](auto& o) { o.url = std::string("mongodb://a\0b", 13); }), "");
}

TEST(ClientOptions, AnUnusualPasswordIsNoProblem) {
  for (const std::string url : {"mongodb://me:a%3Ab%40c%2F%25@host/", "mongodb://me:%e2%82%ac@host"}) {
    EXPECT_EQ(with([&](auto& o) { o.url = url; }), "") << url;
  }
}

TEST(LockOptions, AnIdIsUpTo1000BytesOfUtf8) {
  EXPECT_EQ(lock_with({.id = "x"}), "");
  EXPECT_EQ(lock_with({.id = std::string(1000, 'x')}), "");
  EXPECT_EQ(lock_with({.id = "$holders"}), "");
  EXPECT_EQ(lock_with({.id = "a.b"}), "");
  EXPECT_EQ(lock_with({.id = "\xe2\x82\xac"}), "");
  EXPECT_TRUE(contains(lock_with({.id = ""}), "id is empty; give a name"));
  EXPECT_TRUE(contains(lock_with({.id = std::string(1001, 'x')}), "1001 bytes; at most 1000"));
  EXPECT_TRUE(contains(lock_with({.id = std::string("a\0b", 3)}), "NUL"));
  EXPECT_TRUE(contains(lock_with({.id = "\xff"}), "UTF-8"));
  EXPECT_TRUE(contains(lock_with({.id = "\xe2\x82"}), "UTF-8"));
}

TEST(LockOptions, AnIdIsShownOnOneLineAndNotInFull) {
  const auto why = lock_with({.id = "two\nlines\x7f" + std::string(2000, 'x')});
  EXPECT_LT(why.size(), 300u);
}

TEST(LockOptions, WithoutAnIdItIsAFreshUuidV4) {
  const auto defaults = validated(client_options{});
  real_environment env;
  const auto a = validated(lock_options{}, defaults, env).id, b = validated(lock_options{}, defaults, env).id;
  EXPECT_NE(a, b);
  ASSERT_EQ(a.size(), 36u);
  EXPECT_EQ(a[14], '4') << a;
  EXPECT_TRUE(contains("89ab", std::string(1, a[19]))) << a;
}

TEST(LockOptions, WhatIsNotGivenComesFromTheClient) {
  client_options o;
  o.exp_delta = 777ms;
  o.autorefresh = false;
  o.wait_lock_period = 888ms;
  const auto defaults = validated(o);
  real_environment env;
  const auto s = validated(lock_options{.id = "x"}, defaults, env);
  EXPECT_EQ(s.exp_delta, 777ms);
  EXPECT_FALSE(s.autorefresh);
  EXPECT_EQ(s.wait_lock_period, 888ms);
  const auto own = validated(lock_options{.id = "x", .exp_delta = 250ms, .autorefresh = true, .wait_lock_period = 60ms},
                             defaults, env);
  EXPECT_EQ(own.exp_delta, 250ms);
  EXPECT_TRUE(own.autorefresh);
  EXPECT_EQ(own.wait_lock_period, 60ms);
}

TEST(LockOptions, BoundsAreCheckedWithAReason) {
  EXPECT_TRUE(contains(lock_with({.id = "x", .exp_delta = 199ms}), "exp_delta is 199 ms; it must be from 200 ms"));
  EXPECT_TRUE(contains(lock_with({.id = "x", .exp_delta = milliseconds::max()}), "exp_delta"));
  EXPECT_TRUE(
      contains(lock_with({.id = "x", .wait_lock_period = 49ms}), "wait_lock_period is 49 ms; it must be from 50 ms"));
  EXPECT_TRUE(contains(lock_with({.id = "x", .wait_lock_period = -5ms}), "wait_lock_period"));
}

}  // namespace
}  // namespace dlock
