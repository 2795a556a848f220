#include "store/contact.hpp"

#include <gtest/gtest.h>

#include "store/failure.hpp"
#include "support/json.hpp"

/// What is said while there is no contact yet, and when waiting is in vain.
namespace dlock {
namespace {

class Contact : public ::testing::Test {
 protected:
  void hears(const char* host, const char* hello) { seen.answered(host, testing::from_json(hello).get()); }
  answer judged() {
    answer a;
    a.why = seen.problem();
    return at_first_contact(std::move(a), uri.get(), seen.heard());
  }

  const std::string url = "mongodb://me:hunter2@a:1,b:2,c:3/?replicaSet=mine";
  const redactor redact{url};
  const uri_handle uri = parse_connection_string(url, "url");
  contact seen{redact, uri.get()};
};

TEST_F(Contact, DuringAnElectionTheStateOfEachMemberIsTold) {
  EXPECT_EQ(seen.problem(), "");
  seen.failed("a:1", "connection refused, hunter2");
  hears("b:2", R"({"ismaster": false, "secondary": true, "setName": "mine"})");
  hears("c:3", R"({"ismaster": false, "secondary": false, "setName": "mine"})");
  EXPECT_EQ(seen.problem(),
            "no primary: a:1 (connection refused, ***), b:2 (a secondary), c:3 (neither primary nor secondary yet)");
  EXPECT_EQ(judged().what, answer::kind::no_answer);
}

TEST_F(Contact, TheAnswerOfAPrimaryEndsTheFirstContact) {
  for (const char* hello : {R"({"isWritablePrimary": true, "setName": "mine"})", R"({"ismaster": true})"}) {
    contact one(redact, uri.get());
    one.failed("a:1", "connection refused");
    one.answered("b:2", testing::from_json(hello).get());
    EXPECT_EQ(one.problem(), "");
    one.failed("b:2", "closed");
    EXPECT_EQ(one.problem(), "") << "from here on it is not the first contact";
  }
}

// The URL names one; the others were heard of from it. The primary is not among those that have answered yet.
TEST_F(Contact, AMemberThatTheUrlDoesNotNameDoesNotEndTheWait) {
  const auto one = parse_connection_string("mongodb://a:1/?replicaSet=mine", "url");
  contact both(redact, one.get());
  both.answered("a:1", testing::from_json(R"({"ismaster": false, "secondary": true, "setName": "mine"})").get());
  both.failed("c:3", "TLS handshake failed: certificate verify failed");
  answer a;
  a.why = both.problem();
  EXPECT_EQ(at_first_contact(a, one.get()).what, answer::kind::refused) << "with the number in the URL alone";
  EXPECT_EQ(at_first_contact(a, one.get(), both.heard()).what, answer::kind::no_answer);
}

TEST_F(Contact, TheWaitEndsIfAllMembersAreOfAnotherSet) {
  const char* other = R"({"ismaster": true, "setName": "theirs"})";
  hears("a:1", other);
  hears("b:2", other);
  EXPECT_EQ(judged().what, answer::kind::no_answer) << "one has said nothing yet";
  seen.failed("c:3", "connection refused");
  EXPECT_EQ(judged().what, answer::kind::no_answer) << "one is down";
  hears("c:3", other);
  EXPECT_EQ(judged().what, answer::kind::refused);
  EXPECT_EQ(judged().code, errc::invalid_argument);
  EXPECT_NE(judged().why.find("'theirs', not 'mine'"), std::string::npos) << judged().why;
  EXPECT_NE(advice(judged(), uri.get()).find("replicaSet"), std::string::npos);
}

TEST_F(Contact, TheWaitEndsAtOnceIfTheCertificatesOfAllMembersAreBad) {
  for (const char* host : {"a:1", "b:2", "c:3"}) {
    EXPECT_EQ(judged().what, answer::kind::no_answer);
    seen.failed(host, "TLS handshake failed: certificate verify failed (19): self-signed");
  }
  EXPECT_EQ(judged().code, errc::authentication);
}

}  // namespace
}  // namespace dlock
