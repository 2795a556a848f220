// Who has a place in the HTTP server when all are taken.
#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <optional>
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
using testing::is_closed;

constexpr std::size_t most_places = 64;
const std::string ask_for_stream = "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n";
const std::string ask_for_reply = "GET /reply HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A server that answers, except for streams, when the test says so.
class Places : public ::testing::Test {
 protected:
  void begin(std::chrono::milliseconds patience, std::chrono::milliseconds grace) {
    server_.emplace(http_options{.patience = patience, .grace = grace},
                    [this](const http_request& asked, const http_answer& answer) {
                      const std::lock_guard lock(guard_);
                      if (asked.path != "/stream") return asked_.push_back(answer);
                      streams_.push_back(answer.stream({.body = std::make_shared<const std::string>("first;")}));
                    });
    server_->start();
  }

  unique_fd asks(const std::string& request) { return testing::asks(*server_, request); }

  /// One whose stream has begun.
  unique_fd stream() {
    auto out = asks(ask_for_stream);
    (void)hears(out, "first;");
    return out;
  }

  /// One that the handler has, and has not answered.
  unique_fd busy() {
    const std::size_t before = asked();
    auto out = asks(ask_for_reply);
    EXPECT_TRUE(eventually([&] { return asked() > before; }));
    return out;
  }

  std::size_t asked() {
    const std::lock_guard lock(guard_);
    return asked_.size();
  }

  void answer(std::size_t which) {
    const std::lock_guard lock(guard_);
    asked_.at(which)(text_reply(200, "answered"));
  }

  void end_stream(std::size_t which) {
    const std::lock_guard lock(guard_);
    streams_.at(which)->close();
  }

  /// Until the server's thread has seen whatever was sent to it before: between two pieces of a stream it looks at all
  /// sockets.
  void settle(const unique_fd& client_of_first_stream) {
    for (const char* piece : {"one;", "two;"}) {
      {
        const std::lock_guard lock(guard_);
        (void)streams_.at(0)->send(std::make_shared<const std::string>(piece));
      }
      (void)hears(client_of_first_stream, piece);
    }
  }

  static bool is_answered(const unique_fd& client) {
    const std::string end = "answered";
    return hears(client, end).ends_with(end);
  }

 private:
  std::mutex guard_;
  std::vector<http_answer> asked_;
  std::vector<std::shared_ptr<http_stream>> streams_;
  std::optional<http_server> server_;
};

TEST_F(Places, ANewcomerWaitsUntilSomebodyIsAnswered) {
  begin(1h, 1h);
  std::vector<unique_fd> all;
  all.push_back(stream());
  while (all.size() < most_places) all.push_back(busy());
  const auto newcomer = asks(ask_for_reply);
  settle(all[0]);
  ASSERT_FALSE(is_closed(newcomer));
  answer(0);
  EXPECT_TRUE(is_answered(all[1])) << "it makes way when it has its reply";
  EXPECT_TRUE(eventually([&] { return asked() == most_places; }));
  answer(most_places - 1);
  EXPECT_TRUE(is_answered(newcomer));
}

TEST_F(Places, ANewcomerWaitsUntilSomebodyGoes) {
  begin(1h, 1h);
  std::vector<unique_fd> all;
  while (all.size() < most_places) all.push_back(stream());
  const auto newcomer = asks(ask_for_reply);
  settle(all[0]);
  ASSERT_FALSE(is_closed(newcomer));
  all.pop_back();
  EXPECT_TRUE(eventually([&] { return asked() == 1; }));
  answer(0);
  EXPECT_TRUE(is_answered(newcomer));
}

TEST_F(Places, NewcomersDoNotCloseEachOther) {
  begin(1h, 1h);
  std::vector<unique_fd> all;
  all.push_back(stream());
  while (all.size() < most_places) all.push_back(busy());
  const auto silent = asks("");
  settle(all[0]);
  answer(0);
  (void)hears(all[1]);  // until it has made way
  const auto next = asks(ask_for_reply);
  settle(all[0]);
  ASSERT_FALSE(is_closed(silent));
  ASSERT_EQ(write(silent.get(), ask_for_reply.data(), ask_for_reply.size()),
            static_cast<ssize_t>(ask_for_reply.size()));
  EXPECT_TRUE(eventually([&] { return asked() == most_places; }));
  answer(most_places - 1);
  EXPECT_TRUE(is_answered(silent));
  EXPECT_TRUE(eventually([&] { return asked() == most_places + 1; })) << "then it makes way for the next one";
}

TEST_F(Places, WhoSendsNothingMakesWay) {
  begin(1h, 1ms);
  std::vector<unique_fd> all;
  all.push_back(stream());
  while (all.size() < most_places) all.push_back(asks(""));
  std::vector<unique_fd> more;
  while (more.size() < most_places - 1) more.push_back(busy());
  EXPECT_TRUE(is_closed(all[1]) && is_closed(all.back()));
  EXPECT_FALSE(is_closed(all[0])) << "a stream does not";
}

TEST_F(Places, NewcomersAreRefusedIfNobodyMakesWay) {
  begin(500ms, 1h);
  std::vector<unique_fd> all;
  while (all.size() < most_places) all.push_back(stream());
  std::vector<unique_fd> refused;
  while (refused.size() < 60) refused.push_back(asks(ask_for_reply));
  const auto all_are = [&] { return std::all_of(refused.begin(), refused.end(), is_closed); };
  EXPECT_TRUE(eventually(all_are, 10s)) << "they do not wait one after the other, which takes 30 s";
  end_stream(7);
  (void)hears(all[7]);
  const auto newcomer = busy();
  answer(0);
  EXPECT_TRUE(is_answered(newcomer));
}

}  // namespace
}  // namespace dlock::cli
