#include "store/failure.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocol/bson.hpp"
#include "support/json.hpp"

/// The most important sentence of docs/protocol.md about answers: unless it is certain, it is unknown.
namespace dlock {
namespace {

answer of(std::uint32_t domain, std::uint32_t code, const char* message = "why") {
  bson_error_t e;
  bson_set_error(&e, domain, code, "%s", message);
  return failure(e, redactor("mongodb://me:hunter2@host"));
}

/// What an error of the server, or of the driver, means.
void expect_all(std::uint32_t domain, std::initializer_list<std::uint32_t> codes, answer::kind what, errc code,
                bool in_doubt) {
  for (const auto number : codes) {
    const auto a = of(domain, number);
    EXPECT_EQ(a.what, what) << domain << ": " << number;
    EXPECT_EQ(a.code, code) << domain << ": " << number;
    EXPECT_EQ(a.in_doubt, in_doubt) << domain << ": " << number;
    if (domain == MONGOC_ERROR_SERVER) {
      EXPECT_EQ(a.server_code, static_cast<int>(number));
    }
  }
}
constexpr auto kNone = answer::kind::no_answer, kRefused = answer::kind::refused;

TEST(Failure, ElectionsInterruptionsAndLimitsAreUnknown) {
  expect_all(MONGOC_ERROR_SERVER,
             {6, 7, 24, 46, 50, 64, 89, 91, 112, 133, 134, 175, 189, 262, 290, 358, 9001, 11600, 11601, 11602}, kNone,
             errc::unavailable, true);
}

TEST(Failure, ANotPrimaryOrADuplicateKeyExecutedNothing) {
  expect_all(MONGOC_ERROR_SERVER, {10107, 11000, 13435, 13436}, kNone, errc::unavailable, false);
}

TEST(Failure, RefusalsAreClassifiedAndNotRetried) {
  expect_all(MONGOC_ERROR_SERVER, {13}, kRefused, errc::not_authorized, false);
  expect_all(MONGOC_ERROR_SERVER, {18}, kRefused, errc::authentication, false);
  // ok:0 does not mean that nothing happened: a projection that fails (17124) fails after the update.
  expect_all(MONGOC_ERROR_SERVER, {17124, 2, 121, 4711}, kRefused, errc::server, true);
  expect_all(12345, {1}, kRefused, errc::server, true);  // nobody knows what that is
}

TEST(Failure, ABrokenConnectionOrAFailedWriteConcernIsUnknown) {
  expect_all(MONGOC_ERROR_STREAM, {MONGOC_ERROR_STREAM_SOCKET, MONGOC_ERROR_STREAM_CONNECT}, kNone, errc::unavailable,
             true);
  expect_all(MONGOC_ERROR_PROTOCOL, {MONGOC_ERROR_PROTOCOL_INVALID_REPLY}, kNone, errc::unavailable, true);
  expect_all(MONGOC_ERROR_WRITE_CONCERN, {64}, kNone, errc::unavailable, true);
}

TEST(Failure, WithoutAServerNothingWasSent) {
  expect_all(MONGOC_ERROR_SERVER_SELECTION, {MONGOC_ERROR_SERVER_SELECTION_FAILURE}, kNone, errc::unavailable, false);
}

TEST(Failure, CredentialsAndOldServersAreRefusals) {
  for (const char* why :
       {"Authentication failed.", "Unsupported mechanism PLAIN", "cannot determine username for X-509 authentication.",
        "Unable to use SCRAM-SHA-1 based authentication for user without any SCRAM-SHA-1 credentials registered"}) {
    const auto a = of(MONGOC_ERROR_CLIENT, MONGOC_ERROR_CLIENT_AUTHENTICATE, why);
    EXPECT_EQ(a.code, errc::authentication) << why;
    EXPECT_EQ(a.what, kRefused) << why;
  }
  EXPECT_EQ(of(MONGOC_ERROR_SCRAM, 1).code, errc::authentication);
  EXPECT_EQ(of(MONGOC_ERROR_SASL, 1).code, errc::authentication);
  EXPECT_EQ(of(MONGOC_ERROR_PROTOCOL, MONGOC_ERROR_PROTOCOL_BAD_WIRE_VERSION).code, errc::unsupported_server);
  EXPECT_EQ(of(MONGOC_ERROR_SERVER_SELECTION, MONGOC_ERROR_SERVER_SELECTION_BAD_WIRE_VERSION).code,
            errc::unsupported_server);
}

/// The driver reports a connection that breaks while it logs in as a failed login: credentials did not become wrong.
TEST(Failure, AConnectionThatBreaksDuringLoginIsNoWrongPassword) {
  for (const char* why : {"Failed to send \"saslContinue\" command with database \"admin\": Failed to read 4 bytes: "
                          "socket error or timeout",
                          "Failed to send \"saslStart\" command with database \"credentials\": Unknown socket error",
                          "Server closed connection. calling saslStart on 'authentication.example:27017'",
                          "The server is in quiesce mode and will shut down"}) {
    const auto a = of(MONGOC_ERROR_CLIENT, MONGOC_ERROR_CLIENT_AUTHENTICATE, why);
    EXPECT_EQ(a.what, answer::kind::no_answer) << why;
    EXPECT_EQ(a.code, errc::unavailable) << why;
    EXPECT_FALSE(a.in_doubt) << "the command itself was not sent";
  }
}

answer untrusted(int servers, const std::string& besides = "") {
  std::string why = "No suitable servers found: " + besides;
  for (int i = 0; i < servers; ++i) why += " [TLS handshake failed: certificate verify failed (19): self-signed]";
  return of(MONGOC_ERROR_SERVER_SELECTION, MONGOC_ERROR_SERVER_SELECTION_FAILURE, why.c_str());
}

/// With one that cannot be reached it may be an outage.
TEST(AtFirstContact, OnlyBadCertificatesOfAllServersAreARefusal) {
  const auto three = parse_connection_string("mongodb://a,b,c/?tls=true", "url");
  EXPECT_EQ(at_first_contact(untrusted(2, "[connection refused]"), three.get()).what, answer::kind::no_answer);
  EXPECT_EQ(at_first_contact(untrusted(3), three.get()).what, answer::kind::refused);
  EXPECT_EQ(at_first_contact(untrusted(3), three.get()).code, errc::authentication);
  EXPECT_EQ(untrusted(3).what, answer::kind::no_answer) << "later on it may pass";
  const auto service = parse_connection_string("mongodb+srv://cluster.example.net/", "url");
  EXPECT_EQ(at_first_contact(untrusted(0), service.get()).what, answer::kind::no_answer);
  EXPECT_EQ(at_first_contact(untrusted(1), service.get()).what, answer::kind::refused);
  const auto broken = of(MONGOC_ERROR_SERVER_SELECTION, 1, "[Failed initialize TLS state.]");
  const auto one = parse_connection_string("mongodb://a/?tls=true", "url");
  EXPECT_EQ(at_first_contact(broken, one.get()).code, errc::invalid_argument);
}

TEST(Advice, IsAboutTlsWhereThatIsLikely) {
  const auto about = [](const char* url, const char* why) {
    return advice(of(MONGOC_ERROR_SERVER_SELECTION, 1, why), parse_connection_string(url, "url").get());
  };
  EXPECT_EQ(about("mongodb://a", "[connection refused]"), "check that it is up and that the URL names it");
  for (const char* hung_up :
       {"[connection closed calling hello]", "[Server closed connection. calling hello on 'a']",
        "[Failed to read 4 bytes: socket error or timeout]", "[unknown socket error calling hello on 'a']"}) {
    EXPECT_NE(about("mongodb://a", hung_up).find("tls=true"), std::string::npos);
    EXPECT_EQ(about("mongodb://a/?tls=true", hung_up).find("tls=true"), std::string::npos);
  }
  EXPECT_NE(about("mongodb://a/?tls=true", "TLS handshake failed: x").find("it accepts TLS"), std::string::npos);
  EXPECT_NE(about("mongodb://a/?tls=true", "certificate verify failed").find("tlsCAFile"), std::string::npos);
  EXPECT_NE(about("mongodb://a/?tls=true", "certificate verify failed (62): hostname mismatch").find("hosts"),
            std::string::npos);
}

TEST(Failure, AMissingRightIsToldWithoutTheCommandsArguments) {
  EXPECT_EQ(
      of(MONGOC_ERROR_SERVER, 13, "not authorized on x to execute command { create: \"y\", size: 1, lsid: { id: 2 } }")
          .why,
      "not authorized on x to execute command { create: \"y\", ... }");
  EXPECT_EQ(of(MONGOC_ERROR_SERVER, 13, "not authorized").why, "not authorized");
  EXPECT_EQ(of(MONGOC_ERROR_SERVER, 18, "a command { b, c }").why, "a command { b, c }");
}

TEST(Failure, APasswordIsNeverRepeated) {
  EXPECT_EQ(of(MONGOC_ERROR_STREAM, 1, "tried hunter2").why, "tried ***");
}

TEST(WriteConcernError, IsSeenInAnAcknowledgedReply) {
  std::string why;
  const auto clean = testing::from_json(R"({"ok": 1, "value": {"writeConcernError": 1}})");
  EXPECT_FALSE(has_write_concern_error(clean.get(), &why));
  const auto bad = testing::from_json(R"({"ok": 1, "writeConcernError": {"code": 64, "errmsg": "waiting timed out"}})");
  EXPECT_TRUE(has_write_concern_error(bad.get(), &why));
  EXPECT_NE(why.find("waiting timed out"), std::string::npos) << why;
  const auto odd = testing::from_json(R"({"ok": 1, "writeConcernError": 7})");
  EXPECT_TRUE(has_write_concern_error(odd.get(), &why));
}

}  // namespace
}  // namespace dlock
