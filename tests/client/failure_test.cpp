#include "store/failure.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocol/bson.hpp"

/// The most important sentence of docs/protocol.md about answers: unless it is certain, it is unknown.
namespace dlock {
namespace {

answer of(std::uint32_t domain, std::uint32_t code, const char* message = "why") {
  bson_error_t e;
  bson_set_error(&e, domain, code, "%s", message);
  return failure(e, redactor("mongodb://me:hunter2@host"));
}
bson parse(const char* json) {
  bson_error_t e;
  return bson{bson_new_from_json(reinterpret_cast<const std::uint8_t*>(json), -1, &e)};
}
answer of_server(int code) {
  return of(MONGOC_ERROR_SERVER, static_cast<std::uint32_t>(code));
}

TEST(Failure, ElectionsInterruptionsAndLimitsAreUnknown) {
  for (const int code :
       {6, 7, 24, 46, 50, 64, 89, 91, 112, 133, 134, 175, 189, 262, 290, 358, 9001, 11600, 11601, 11602}) {
    const auto a = of_server(code);
    EXPECT_EQ(a.what, answer::kind::no_answer) << code;
    EXPECT_TRUE(a.in_doubt) << code;
    EXPECT_EQ(a.code, errc::unavailable) << code;
    EXPECT_EQ(a.server_code, code);
  }
}

TEST(Failure, ANotPrimaryOrADuplicateKeyExecutedNothing) {
  for (const int code : {10107, 11000, 13435, 13436}) {
    const auto a = of_server(code);
    EXPECT_EQ(a.what, answer::kind::no_answer) << code;
    EXPECT_FALSE(a.in_doubt) << code;
  }
}

TEST(Failure, RefusalsAreClassifiedAndNotRetried) {
  EXPECT_EQ(of_server(13).what, answer::kind::refused);
  EXPECT_EQ(of_server(13).code, errc::not_authorized);
  EXPECT_FALSE(of_server(13).in_doubt);
  EXPECT_EQ(of_server(18).code, errc::authentication);
  EXPECT_FALSE(of_server(18).in_doubt);
}

/// ok:0 does not mean that nothing happened: a projection that fails (17124) fails after the update.
TEST(Failure, ARefusalThatMayComeAfterTheUpdateIsInDoubt) {
  for (const int code : {17124, 2, 121, 4711}) {
    const auto a = of_server(code);
    EXPECT_EQ(a.what, answer::kind::refused) << code;
    EXPECT_EQ(a.code, errc::server) << code;
    EXPECT_TRUE(a.in_doubt) << code;
  }
}

TEST(Failure, ABrokenConnectionIsUnknown) {
  for (const std::uint32_t code : {MONGOC_ERROR_STREAM_SOCKET, MONGOC_ERROR_STREAM_CONNECT}) {
    const auto a = of(MONGOC_ERROR_STREAM, code);
    EXPECT_EQ(a.what, answer::kind::no_answer);
    EXPECT_TRUE(a.in_doubt);
  }
  EXPECT_TRUE(of(MONGOC_ERROR_PROTOCOL, MONGOC_ERROR_PROTOCOL_INVALID_REPLY).in_doubt);
  EXPECT_EQ(of(MONGOC_ERROR_PROTOCOL, MONGOC_ERROR_PROTOCOL_INVALID_REPLY).what, answer::kind::no_answer);
}

TEST(Failure, WithoutAServerNothingWasSent) {
  const auto a = of(MONGOC_ERROR_SERVER_SELECTION, MONGOC_ERROR_SERVER_SELECTION_FAILURE);
  EXPECT_EQ(a.what, answer::kind::no_answer);
  EXPECT_FALSE(a.in_doubt);
}

TEST(Failure, AFailedWriteConcernIsUnknown) {
  const auto a = of(MONGOC_ERROR_WRITE_CONCERN, 64);
  EXPECT_EQ(a.what, answer::kind::no_answer);
  EXPECT_TRUE(a.in_doubt);
}

TEST(Failure, CredentialsAndOldServersAreRefusals) {
  for (const char* why :
       {"Authentication failed.", "Unsupported mechanism PLAIN", "cannot determine username for X-509 authentication.",
        "Unable to use SCRAM-SHA-1 based authentication for user without any SCRAM-SHA-1 credentials registered"}) {
    const auto a = of(MONGOC_ERROR_CLIENT, MONGOC_ERROR_CLIENT_AUTHENTICATE, why);
    EXPECT_EQ(a.code, errc::authentication) << why;
    EXPECT_EQ(a.what, answer::kind::refused) << why;
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
TEST(AtFirstContact, OnlyCertificatesThatNoServerHasRightAreARefusal) {
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
  EXPECT_NE(about("mongodb://a/?tls=true", "TLS handshake failed: x").find("it takes TLS"), std::string::npos);
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

TEST(Failure, WhatNobodyKnowsIsARefusalInDoubt) {
  const auto a = of(12345, 1);
  EXPECT_EQ(a.what, answer::kind::refused);
  EXPECT_TRUE(a.in_doubt);
}

TEST(Failure, APasswordIsNeverRepeated) {
  EXPECT_EQ(of(MONGOC_ERROR_STREAM, 1, "tried hunter2").why, "tried ***");
}

TEST(WriteConcernError, IsSeenInAnAcknowledgedReply) {
  std::string why;
  const auto clean = parse(R"({"ok": 1, "value": {"writeConcernError": 1}})");
  EXPECT_FALSE(has_write_concern_error(clean.get(), &why));
  const auto bad = parse(R"({"ok": 1, "writeConcernError": {"code": 64, "errmsg": "waiting timed out"}})");
  EXPECT_TRUE(has_write_concern_error(bad.get(), &why));
  EXPECT_NE(why.find("waiting timed out"), std::string::npos) << why;
  const auto odd = parse(R"({"ok": 1, "writeConcernError": 7})");
  EXPECT_TRUE(has_write_concern_error(odd.get(), &why));
}

}  // namespace
}  // namespace dlock
