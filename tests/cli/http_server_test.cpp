// Streams, which `dlock serve` needs. tests/cli/test_http.py has the rest.
#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <vector>

#include "http_client.hpp"
#include "http_server.hpp"
#include "support/waiting.hpp"

namespace dlock::cli {
namespace {

using namespace std::chrono_literals;
using dlock::testing::eventually;
using testing::hears;

std::shared_ptr<const std::string> shared(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

/// A server whose /events is a stream, and whose /never is never answered.
class Streams : public ::testing::Test {
 protected:
  void SetUp() override { server_.start(); }

  unique_fd asks(const std::string& request) { return testing::asks(server_, request); }

  std::shared_ptr<http_stream> stream() {
    std::shared_ptr<http_stream> out;
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock(guard_);
      if (streams_.empty()) return false;
      out = streams_.back();
      streams_.pop_back();
      return true;
    }));
    return out;
  }

 private:
  std::mutex guard_;
  std::vector<std::shared_ptr<http_stream>> streams_;
  http_server server_{{}, [this](const http_request& asked, const http_answer& answer) {
                        if (asked.path == "/late") answer.or_else(50ms, text_reply(200, "too late"));
                        if (asked.path != "/events") return keep_.push_back(answer);
                        auto made =
                            answer.stream({.type = "text/event-stream", .headers = {}, .body = shared("first;")});
                        answer(text_reply(500, "it has an answer"));
                        const std::lock_guard lock(guard_);
                        streams_.push_back(std::move(made));
                      }};
  std::vector<http_answer> keep_;
};

const std::string kAsk = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";

TEST_F(Streams, EachPieceIsAChunk) {
  const auto client = asks(kAsk);
  const auto sent = stream();
  ASSERT_TRUE(sent);
  const auto head = hears(client, "first;\r\n");
  EXPECT_NE(head.find("Transfer-Encoding: chunked\r\n"), std::string::npos) << head;
  EXPECT_NE(head.find("Content-Type: text/event-stream\r\n"), std::string::npos) << head;
  EXPECT_NE(head.find("\r\n\r\n6\r\nfirst;\r\n"), std::string::npos) << head;
  EXPECT_TRUE(sent->send(shared("second")));
  EXPECT_TRUE(sent->send(shared("")));
  EXPECT_TRUE(sent->send(nullptr));
  EXPECT_TRUE(sent->send(shared("0123456789abcdef")));
  EXPECT_EQ(hears(client, "def\r\n"), "6\r\nsecond\r\n10\r\n0123456789abcdef\r\n");
  EXPECT_TRUE(eventually([&] { return sent->waiting() == 0; }));
  EXPECT_TRUE(sent->is_open());
  sent->close();
  EXPECT_FALSE(sent->send(shared("more")));
  EXPECT_EQ(hears(client), "0\r\n\r\n");
}

TEST_F(Streams, AnOldClientGetsItWithoutChunks) {
  const auto client = asks("GET /events HTTP/1.0\r\nHost: localhost\r\n\r\n");
  const auto sent = stream();
  ASSERT_TRUE(sent);
  (void)sent->send(shared("second"));
  sent->close();
  const auto all = hears(client);
  EXPECT_NE(all.find("\r\n\r\nfirst;second"), std::string::npos) << all;
  EXPECT_EQ(all.find("chunked"), std::string::npos) << all;
}

TEST_F(Streams, AHeadHasNone) {
  const auto client = asks("HEAD /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const auto sent = stream();
  ASSERT_TRUE(sent);
  EXPECT_TRUE(eventually([&] { return !sent->is_open(); }));
  EXPECT_TRUE(hears(client).ends_with("\r\n\r\n"));
}

TEST_F(Streams, ItEndsWhenTheClientGoes) {
  auto client = asks(kAsk);
  const auto sent = stream();
  ASSERT_TRUE(sent);
  (void)hears(client, "first;");
  client.reset();
  EXPECT_TRUE(eventually([&] { return !sent->is_open(); })) << "although nothing is sent";
  EXPECT_FALSE(sent->send(shared("x")));
}

TEST_F(Streams, ItEndsIfTheClientTakesNothing) {
  const auto client = asks(kAsk);
  const auto sent = stream();
  ASSERT_TRUE(sent);
  const auto much = shared(std::string(1U << 20U, 'x'));
  int accepted = 0;
  while (accepted < 200 && sent->send(much)) ++accepted;
  EXPECT_GE(accepted, 31);
  EXPECT_LT(accepted, 100);
  EXPECT_FALSE(sent->is_open());
}

TEST_F(Streams, AStreamOfAnotherClientGoesOn) {
  auto first = asks(kAsk);
  const auto one = stream();
  const auto second = asks(kAsk);
  const auto two = stream();
  ASSERT_TRUE(one && two);
  first.reset();
  EXPECT_TRUE(eventually([&] { return !one->is_open(); }));
  EXPECT_TRUE(two->send(shared("still here")));
  EXPECT_NE(hears(second, "still here").find("still here"), std::string::npos);
}

TEST_F(Streams, AReplyThatDoesNotComeInTimeHasAnother) {
  const auto client = asks("GET /late HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(hears(client).ends_with("too late"));
}

TEST(HttpAnswer, WhoDropsItHasAnswered) {
  http_server server({}, [](const http_request&, const http_answer&) {});
  server.start();
  EXPECT_TRUE(
      hears(testing::asks(server, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), "\r\n").starts_with("HTTP/1.1 500"));
}

}  // namespace
}  // namespace dlock::cli
