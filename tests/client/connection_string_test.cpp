#include "store/connection_string.hpp"

#include <gtest/gtest.h>

#include <string>

#include <dlock/error.hpp>

#include "support/waiting.hpp"

namespace dlock {
namespace {

uri_handle hardened(const std::string& url, std::int32_t io_limit = 1500) {
  auto uri = parse_connection_string(url, "url");
  harden(uri.get(), io_limit);
  return uri;
}

TEST(Harden, NothingInAUrlWeakensALock) {
  for (const std::string options :
       {"", "?w=0", "?w=1&journal=false", "?w=2&wtimeoutMS=1", "?readPreference=secondary",
        "?readPreference=nearest&retryWrites=true",
        "?w=0&readPreference=secondaryPreferred&readPreferenceTags=dc:ny&retryWrites=true&readConcernLevel=local"}) {
    const auto uri = hardened("mongodb://a,b/" + options);
    const auto* concern = mongoc_uri_get_write_concern(uri.get());
    EXPECT_TRUE(mongoc_write_concern_get_wmajority(concern)) << options;
    EXPECT_FALSE(mongoc_write_concern_journal_is_set(concern)) << options;
    EXPECT_EQ(mongoc_write_concern_get_wtimeout_int64(concern), 0) << options;
    EXPECT_EQ(mongoc_read_prefs_get_mode(mongoc_uri_get_read_prefs_t(uri.get())), MONGOC_READ_PRIMARY) << options;
    EXPECT_FALSE(mongoc_uri_get_option_as_bool(uri.get(), MONGOC_URI_RETRYWRITES, true)) << options;
  }
}

std::int32_t number(const uri_handle& uri, const char* option) {
  return mongoc_uri_get_option_as_int32(uri.get(), option, -1);
}

TEST(Harden, EveryWaitForTheNetworkIsBounded) {
  for (const auto* option :
       {MONGOC_URI_SOCKETTIMEOUTMS, MONGOC_URI_CONNECTTIMEOUTMS, MONGOC_URI_SERVERSELECTIONTIMEOUTMS}) {
    const auto with = [&](const char* value) {
      return number(hardened(std::string("mongodb://a/?") + option + "=" + value), option);
    };
    EXPECT_EQ(number(hardened("mongodb://a/"), option), 1500) << option;
    EXPECT_EQ(with("300000"), 1500) << option;
    EXPECT_EQ(with("100"), 100) << option << ": a shorter one stays";
    EXPECT_EQ(with("0"), 1500) << option << ": 0 would be for ever";
  }
}

TEST(NamesOneMember, DecidesWhetherToDiscoverTheSet) {
  const auto one = [](const char* url) { return names_one_member(parse_connection_string(url, "url").get()); };
  EXPECT_TRUE(one("mongodb://a"));
  EXPECT_TRUE(one("mongodb://a:27018/db?w=1"));
  EXPECT_TRUE(one("mongodb://a/?directConnection=false"));
  EXPECT_FALSE(one("mongodb://a/?directConnection=true"));
  EXPECT_FALSE(one("mongodb://a/?replicaSet=rs"));
  EXPECT_FALSE(one("mongodb://a,b"));
  EXPECT_FALSE(one("mongodb+srv://cluster.example.net"));
  EXPECT_FALSE(one("mongodb://a/?loadBalanced=true"));
}

TEST(HostsOf, NamesHostsAndPortsOnly) {
  EXPECT_EQ(hosts_of(parse_connection_string("mongodb://u:p@a:1,b/x", "url").get()), "a:1,b:27017");
  EXPECT_EQ(hosts_of(parse_connection_string("mongodb+srv://cluster.example.net", "url").get()), "cluster.example.net");
}

struct redaction {
  std::string url, secret;
};

TEST(Redactor, HidesThePasswordRawAndDecoded) {
  for (const auto& [url, secret] : {redaction{"mongodb://me:hunter2@host", "hunter2"},
                                    {"mongodb://me:h%40nter2@host", "h@nter2"},
                                    {"mongodb://me:h%40nter2@host", "h%40nter2"},
                                    {"mongodb://me:hu@nter2@host", "hu@nter2"},
                                    {"me:hunter2@host", "hunter2"},
                                    {"mongodb://me:hu/nter2@host/x", "hu/nter2"},
                                    {"mongodb://me:h:unter2@host", "h:unter2"}}) {
    const redactor hide(url);
    EXPECT_EQ(hide("before " + secret + " and " + secret + " after"), "before *** and *** after") << url;
  }
}

// Which @ is the last of the password is not known.
TEST(Redactor, HidesThePasswordIfAnOptionHasAnAt) {
  const redactor hide("mongodb://u:se%63ret@h/?appName=x@y@z");
  EXPECT_EQ(hide("se%63ret, secret"), "***, ***");
  EXPECT_EQ(hide("a host called se%63ret@h/?appName=x"), "a host called ***");
  EXPECT_EQ(hide("u:se%63ret@h/?appName=x@y@z"), "u:***@z");
  EXPECT_EQ(redactor("mongodb://u:@h/?appName=x@y")("a text"), "a text");
}

TEST(Redactor, HidesWhatElseIsSecretInAUrl) {
  for (const std::string name :
       {"tlsCertificateKeyFilePassword=", "sslClientCertificateKeyPassword=", "TLSCERTIFICATEKEYFILEPASSWORD=",
        "proxyPassword=", "authMechanismProperties=AWS_SESSION_TOKEN:"}) {
    const redactor hide("mongodb://me:hunter2@host/?a=b&" + name + "hu%40nter3&c=d");
    EXPECT_EQ(hide("hunter2, hu%40nter3, hu@nter3, d"), "***, ***, ***, d") << name;
  }
}

TEST(Redactor, LeavesATextWithoutSecretsAlone) {
  EXPECT_EQ(redactor("mongodb://host:27017/db")("host:27017"), "host:27017");
  EXPECT_EQ(redactor("mongodb://me@host")("me@host"), "me@host");
  EXPECT_EQ(redactor("mongodb://me:@host")("me"), "me");
  EXPECT_EQ(redactor("")("x"), "x");
}

TEST(Redactor, SurvivesASecretThatIsPartOfItsReplacement) {
  EXPECT_EQ(redactor("mongodb://me:*@host")("a*b"), "a***b");
  EXPECT_EQ(redactor("mongodb://host/?aPassword=*&aPassword=*&aPassword=*")("a*b"), "a***b") << "once";
  EXPECT_EQ(redactor("mongodb://me:%2@host")("a%2b"), "a***b");  // an escape that is none
}

std::string refused(const std::string& url, const char* option = "url") {
  SCOPED_TRACE(url);
  const auto e = testing::error_of([&] { (void)parse_connection_string(url, option); });
  EXPECT_EQ(e.code(), errc::invalid_argument);
  return e.what();
}

/// The driver would take a part of the password for a host, a port, an option, and name that.
TEST(ParseConnectionString, APasswordThatIsNotEscapedIsRefusedAndNotRepeated) {
  for (const std::string url : {"mongodb://me:hunter@2hunter@host/", "mongodb://me:27017/?hunter=2hunter@host",
                                "mongodb://me:27017?hunter/2hunter@host", "mongodb://me:27017/hunter@host/x"}) {
    const auto why = refused(url);
    EXPECT_NE(why.find("%40 for @"), std::string::npos) << why;
    EXPECT_EQ(why.find("hunter"), std::string::npos) << why;
  }
  for (const char* url : {"mongodb://me:p%40w@host/?appName=a@b", "mongodb://host/?appName=a%40b",
                          "mongodb://me@host:1/a", "mongodb://me:p@[::1]:1/"}) {
    EXPECT_NO_THROW((void)parse_connection_string(url, "url")) << url;
  }
}

/// libmongoc 1 takes it for what it is; libmongoc 2 sees a user before it, and speaks of a user name.
TEST(ParseConnectionString, AnAtInAnOptionWithoutAUserIsTakenOrExplained) {
  const std::string url = "mongodb://host/?appName=a@b";
  if (MONGOC_CHECK_VERSION(2, 0, 0)) {
    EXPECT_NE(refused(url).find("%40 for @"), std::string::npos);
  } else {
    EXPECT_NO_THROW((void)parse_connection_string(url, "url"));
  }
}

TEST(ParseConnectionString, EachCommaHasAHostBehindIt) {
  for (const std::string url : {"mongodb://me:hunter2@a:1,", "mongodb://me:hunter2@a,/", "mongodb://me:hunter2@a,?w=1",
                                "mongodb://me:hunter2@a,,b/", "mongodb://me:hunter2@,a/"}) {
    const auto why = refused(url);
    EXPECT_NE(why.find("write it as mongodb://"), std::string::npos) << why;
    EXPECT_EQ(why.find("hunter2"), std::string::npos) << why;
  }
}

TEST(ParseConnectionString, FilesThatCannotBeReadAreNamed) {
  for (const std::string name : {"tlsCAFile", "tlsCertificateKeyFile"}) {
    const auto why = refused("mongodb://host/?tls=true&" + name + "=/no/such.pem");
    EXPECT_NE(why.find("'/no/such.pem', which " + name + " names: No such file"), std::string::npos) << why;
  }
  EXPECT_NO_THROW((void)parse_connection_string("mongodb://host/?tls=true&tlsCAFile=/dev/null", "url"));
}

TEST(ParseConnectionString, NamesTheOption) {
  EXPECT_TRUE(refused("x", "notif_url").starts_with("notif_url: "));
}

}  // namespace
}  // namespace dlock
