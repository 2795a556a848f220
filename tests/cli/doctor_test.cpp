#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include <dlock/clock.hpp>
#include <dlock/doctor.hpp>

#include "certificate.hpp"
#include "doctor_report.hpp"
#include "text.hpp"
#include "verbs.hpp"

namespace dlock::cli {
namespace {

using namespace std::chrono_literals;

TEST(Certificate, IsJudgedByTheTimeThatIsLeft) {
  const auto judged = [](std::chrono::seconds left) {
    return judge_certificate("a:27017", {.left = left, .problem = {}});
  };
  EXPECT_EQ(judged(24h * 30).level, severity::ok);
  EXPECT_EQ(judged(24h * 30).consequence + judged(24h * 30).command, "");
  EXPECT_EQ(judged(24h * 30 - 1s).level, severity::hint);
  EXPECT_EQ(judged(24h * 7).level, severity::hint);
  EXPECT_EQ(judged(24h * 7 - 1s).level, severity::finding);
  EXPECT_EQ(judged(24h * 7 - 1s).what, "the certificate of a:27017 is valid for 6 more days");
  EXPECT_EQ(judged(-1s).level, severity::finding);
  EXPECT_EQ(judged(-1s).what, "the certificate of a:27017 has ended");
  const auto unseen = judge_certificate("a:27017", {.left = {}, .problem = "no TLS connection"});
  EXPECT_EQ(unseen.level, severity::hint);
  EXPECT_NE(unseen.what.find("no TLS connection"), std::string::npos);
}

/// Takes connections, and says nothing.
class silent_server {
 public:
  silent_server() {
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address_), sizeof address_), 0);
    EXPECT_EQ(listen(socket_, 100), 0);
    socklen_t size = sizeof address_;
    EXPECT_EQ(getsockname(socket_, reinterpret_cast<sockaddr*>(&address_), &size), 0);
  }
  silent_server(const silent_server&) = delete;
  silent_server& operator=(const silent_server&) = delete;
  ~silent_server() { close(socket_); }

  [[nodiscard]] std::string name() const { return "127.0.0.1:" + std::to_string(ntohs(address_.sin_port)); }
  /// Until the client has ended the first connection, because what it hears is no TLS.
  void end_one() const {
    const int one = accept(socket_, nullptr, nullptr);
    (void)!write(one, "no TLS\n", 7);
    for (char c = 0; read(one, &c, 1) > 0;) continue;
    close(one);
  }

 private:
  int socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address_{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
};

TEST(Certificate, ServersThatSayNothingAreAskedAtTheSameTime) {
  const silent_server server;
  const auto begin = boot_clock::now();
  const auto lives = lives_of_certificates(std::vector<std::string>(40, server.name()), 30s);
  EXPECT_LT(boot_clock::now() - begin, 5s) << "one after the other, they would take 20 s at least";
  ASSERT_EQ(lives.size(), 40U);
  for (const auto& each : lives) {
    EXPECT_FALSE(each.left);
    EXPECT_NE(each.problem, "");
  }
}

TEST(Certificate, WhoDoesNotAnswerInTimeIsNotWaitedFor) {
  const silent_server server;
  const auto lives = lives_of_certificates({server.name()}, 0ms);
  ASSERT_EQ(lives.size(), 1U);
  EXPECT_EQ(lives[0].problem, "no answer in time");
  server.end_one();  // so that nobody asks any more when the process ends
}

examination two() {
  examination e;
  e.diagnoses.push_back({.check = "members", .level = severity::ok, .what = "all answer"});
  e.diagnoses.push_back(
      {.check = "clocks", .level = severity::finding, .what = "apart", .consequence = "bad", .command = "ntp"});
  e.members.emplace_back().host = "a:27017";
  return e;
}

TEST(DoctorReport, HasALineForEach) {
  EXPECT_EQ(doctor_text(two()),
            "ok       members        all answer\n"
            "FINDING  clocks         apart; bad; to mend it: ntp\n"
            "1 finding, 0 hints\n");
  EXPECT_EQ(worst_of(two()), severity::finding);
  EXPECT_EQ(worst_of({}), severity::ok);
}

TEST(DoctorReport, Json) {
  auto e = two();
  e.hand_off = 1500us;
  const std::string text = doctor_json(e);
  for (const char* part :
       {R"("level": "finding")", R"("check": "clocks")", R"("consequence": null)", R"("hand_off_ms": 1.5)",
        R"("host": "a:27017")", R"("state": "unknown")", R"("clock_offset_ms": null)"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST(DoctorOptions, AreParsed) {
  const auto out = parse_doctor({"--write", "--json", "--clock_skew", "2s", "--grace=90"});
  EXPECT_TRUE(out.write && out.json);
  EXPECT_EQ(out.client.clock_skew, 2s);
  EXPECT_EQ(out.client.grace, 90s);
  EXPECT_FALSE(parse_doctor({}).write || parse_doctor({}).json);
  EXPECT_THROW((void)parse_doctor({"job"}), failure);
}

}  // namespace
}  // namespace dlock::cli
