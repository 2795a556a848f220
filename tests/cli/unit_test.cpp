#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "arguments.hpp"
#include "awake_time.hpp"
#include "connection.hpp"
#include "event_line.hpp"
#include "kill_plan.hpp"
#include "secrets.hpp"
#include "text.hpp"
#include "timestamp.hpp"
#include "values.hpp"

namespace dlock::cli {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using words = std::vector<std::string>;

TEST(AwakeTime, IsTheTimeThatTheKernelCounted) {
  const auto count = parse_awake_time("152185 2247247 2\n");
  ASSERT_TRUE(count);
  EXPECT_EQ(count->time, 2399432ns);
  EXPECT_EQ(count->slices, 2);
  EXPECT_TRUE(parse_awake_time("1 0 1"));
  for (const char* text : {"", "0 0 0\n", "5", "5 5", "5 5 ", "x 5 1", "5 x 1", "5 5 x", "-5 5 1", "5,5,5"}) {
    EXPECT_FALSE(parse_awake_time(text)) << text;
  }
}

TEST(Duration, WithAUnit) {
  EXPECT_EQ(parse_duration("--ttl", "500ms"), 500ms);
  EXPECT_EQ(parse_duration("--ttl", "5s"), 5s);
  EXPECT_EQ(parse_duration("--ttl", "1.5s"), 1500ms);
  EXPECT_EQ(parse_duration("--ttl", ".5s"), 500ms);
  EXPECT_EQ(parse_duration("--ttl", "5.s"), 5s);
  EXPECT_EQ(parse_duration("--ttl", "2m"), 2min);
  EXPECT_EQ(parse_duration("--ttl", "0.0005m"), 30ms);
  EXPECT_EQ(parse_duration("--ttl", "1h"), 1h);
  EXPECT_EQ(parse_duration("--ttl", "1ms"), 1ms);
  EXPECT_EQ(parse_duration("--ttl", "87660h"), 87660h);
  EXPECT_EQ(parse_duration("--ttl", "1d"), 24h);
  EXPECT_EQ(parse_duration("--ttl", "1h30m"), 90min);
  EXPECT_EQ(parse_duration("--ttl", "1d2h3m4s5ms"), 26h + 3min + 4005ms);
  EXPECT_EQ(parse_duration("--ttl", "1m0.5s"), 60500ms);
}

TEST(Duration, BareNumbersAndZeroWhereTheyMakeSense) {
  EXPECT_EQ(parse_duration("-w", "3", {.bare_seconds = true}), 3s);
  EXPECT_EQ(parse_duration("-w", "0.25", {.bare_seconds = true}), 250ms);
  EXPECT_EQ(parse_duration("-w", "2m", {.bare_seconds = true}), 2min);
  EXPECT_EQ(parse_duration("-w", "0", {.bare_seconds = true, .zero = true}), 0ms);
  EXPECT_EQ(parse_duration("-w", "0.0", {.bare_seconds = true, .zero = true}), 0ms);
  EXPECT_EQ(parse_duration("-w", "0s", {.bare_seconds = true, .zero = true}), 0ms);
}

TEST(Duration, Nonsense) {
  for (const char* text :
       {"",       "5",    "s",      "ms",     ".",    ".s",   "-5s",  "-0s",    "+5s",   "0s",   "0ms",    "0.4ms",
        "1e3s",   "0x5s", "nan",    "nans",   "inf",  "infs", "5 s",  " 5s",    "5s ",   "5S",   "5dd",    "5sec",
        "1.2.3s", "1,5s", "87661h", "1e999s", "1h30", "1h1h", "1s1m", "1h 30m", "1h-3m", "1h.m", "3653d1h"}) {
    EXPECT_THROW((void)parse_duration("--ttl", text), failure) << text;
  }
  EXPECT_THROW((void)parse_duration("--ttl", std::string(400, '9') + "s"), failure);
  EXPECT_THROW((void)parse_duration("--ttl", std::string("5s\0", 3)), failure);
}

TEST(Duration, SaysWhatIsWrong) {
  const auto reason = [](const char* text) -> std::string {
    try {
      (void)parse_duration("--ttl", text);
    } catch (const failure& refused) {
      return refused.what();
    }
    return "";
  };
  EXPECT_EQ(reason("5"), "--ttl '5' has no unit; write 5s or 5ms");
  EXPECT_EQ(reason("-5s"), "--ttl '-5s' is negative; write for example 500ms, 5s or 2m");
  EXPECT_EQ(reason("1h30"), "--ttl '1h30' has no unit behind 30; write for example 500ms, 5s or 2m");
  EXPECT_EQ(reason("30m1h"), "--ttl '30m1h' has its units in the wrong order; write for example 1h30m");
  EXPECT_EQ(reason("nan"), "--ttl 'nan' is not a duration; write for example 500ms, 5s or 2m");
}

class Arguments : public testing::Test {
 protected:
  operands parse(const words& arguments, std::size_t leading = 1) {
    flags = 0;
    value = "unset";
    const std::vector<option> table{
        {'n', "flag", "", "", "", [this](const std::string&) { ++flags; }},
        {'w', "value", "other", "VALUE", "", [this](const std::string& v) { value = v; }},
        {0, "long-only", "", "", "", [this](const std::string&) { ++flags; }},
    };
    return parse_arguments("run", table, arguments, leading);
  }

  int flags = 0;
  std::string value;
};

TEST_F(Arguments, OptionsBeforeAndAfterTheLeadingOnes) {
  const operands out = parse({"-n", "id", "--value", "5", "command", "-n", "--", "x"});
  EXPECT_EQ(out.leading, words{"id"});
  EXPECT_EQ(out.rest, (words{"command", "-n", "--", "x"}));
  EXPECT_EQ(flags, 1);
  EXPECT_EQ(value, "5");
}

TEST_F(Arguments, EveryWayToGiveAValue) {
  for (const words& way : std::vector<words>{
           {"-w", "5"}, {"-w5"}, {"-nw5"}, {"-nw", "5"}, {"--value", "5"}, {"--value=5"}, {"--other=5"}}) {
    (void)parse(way);
    EXPECT_EQ(value, "5") << way[0];
  }
  (void)parse({"-w", "-n"});
  EXPECT_EQ(value, "-n");
  EXPECT_EQ(flags, 0);
  (void)parse({"--value", "--"});
  EXPECT_EQ(value, "--");
  (void)parse({"--value="});
  EXPECT_EQ(value, "");
  (void)parse({"--value", ""});
  EXPECT_EQ(value, "");
  (void)parse({"--value=a=b"});
  EXPECT_EQ(value, "a=b");
  (void)parse({"-w1", "-w2"});
  EXPECT_EQ(value, "2");
}

TEST_F(Arguments, Dashes) {
  EXPECT_EQ(parse({"id", "--", "-n"}).rest, words{"-n"});
  EXPECT_EQ(parse({"--", "-id", "command"}).leading, words{"-id"});
  EXPECT_EQ(parse({"--", "id", "--", "command"}).rest, words{"command"});
  EXPECT_EQ(parse({"id", "--", "--", "x"}).rest, (words{"--", "x"}));
  EXPECT_EQ(parse({"-", "command"}).leading, words{"-"});
  EXPECT_EQ(parse({"id", "-"}).rest, words{"-"});
  EXPECT_EQ(parse({"id"}).rest, words{});
  EXPECT_EQ(parse({}).leading, words{});
}

TEST_F(Arguments, AnyNumberOfLeadingOnes) {
  EXPECT_EQ(parse({"a", "-n", "b", "-w5", "c"}, SIZE_MAX).leading, (words{"a", "b", "c"}));
  EXPECT_EQ(flags, 1);
  EXPECT_EQ(value, "5");
  EXPECT_EQ(parse({"a", "--", "-n", "--"}, SIZE_MAX).leading, (words{"a", "-n", "--"}));
  EXPECT_EQ(parse({"-n", "a", "-n"}, 0).rest, (words{"a", "-n"}));
  EXPECT_EQ(flags, 1);
}

TEST_F(Arguments, Refused) {
  for (const words& wrong : std::vector<words>{{"-x"},
                                               {"-nx"},
                                               {"--unknown"},
                                               {"--fla"},
                                               {"--val", "5"},
                                               {"--flag=1"},
                                               {"-w"},
                                               {"--value"},
                                               {"-n="},
                                               {"---flag"},
                                               {"--=x"},
                                               {"id", "-x", "command"}}) {
    EXPECT_THROW((void)parse(wrong), failure) << wrong[0];
  }
}

class KillPlan : public testing::Test {
 protected:
  using time_point = kill_plan::time_point;
  static time_point at(milliseconds t) { return time_point(t); }
  kill_plan plan{5s, 100ms};
};

TEST_F(KillPlan, ComesOffTheLease) {
  plan.lease_until(at(30s));
  EXPECT_EQ(plan.terminate_at(), at(24900ms));
  EXPECT_EQ(plan.kill_at(), at(29900ms));
  EXPECT_EQ(plan.overdue_at(false), at(29950ms));
  EXPECT_EQ(plan.overdue_at(true), at(29950ms));
}

TEST_F(KillPlan, MovesWithRenewals) {
  plan.lease_until(at(30s));
  plan.lease_until(at(40s));
  EXPECT_EQ(plan.terminate_at(), at(34900ms));
  EXPECT_EQ(plan.kill_at(), at(39900ms));
}

TEST_F(KillPlan, ALossWithMuchOfTheLeaseLeft) {
  plan.lease_until(at(30s));
  plan.begin(at(10s));
  EXPECT_EQ(plan.terminate_at(), at(10s));
  EXPECT_EQ(plan.kill_at(), at(15s));
  EXPECT_EQ(plan.overdue_at(false), at(16s));
  EXPECT_EQ(plan.overdue_at(true), at(27s));
  plan.begin(at(12s));  // the first counts
  EXPECT_EQ(plan.kill_at(), at(15s));
  plan.lease_until(at(60s));  // no way back
  EXPECT_EQ(plan.kill_at(), at(15s));
}

TEST_F(KillPlan, ALossNearTheEnd) {
  plan.lease_until(at(30s));
  plan.begin(at(28s));
  EXPECT_EQ(plan.kill_at(), at(29900ms));
}

TEST_F(KillPlan, ALossNoticedTooLate) {
  plan.lease_until(at(30s));
  plan.begin(at(100s));
  EXPECT_LE(plan.kill_at(), at(100s));
}

TEST_F(KillPlan, ALimitBeforeTheEndOfTheLease) {
  plan.lease_until(at(30s));
  plan.run_until(at(10s));
  EXPECT_TRUE(plan.is_limit_first());
  EXPECT_EQ(plan.terminate_at(), at(10s));
  EXPECT_EQ(plan.kill_at(), at(15s));
  EXPECT_EQ(plan.overdue_at(false), at(16s));
  plan.lease_until(at(60s));  // a renewal does not move it
  EXPECT_EQ(plan.terminate_at(), at(10s));
  plan.begin(at(2s));
  EXPECT_FALSE(plan.is_limit_first());
  EXPECT_EQ(plan.terminate_at(), at(2s));
}

TEST_F(KillPlan, ALimitBehindTheEndOfTheLease) {
  plan.lease_until(at(30s));
  plan.run_until(at(27s));
  EXPECT_FALSE(plan.is_limit_first());
  EXPECT_EQ(plan.terminate_at(), at(24900ms));
  plan.run_until(at(20s));
  EXPECT_EQ(plan.kill_at(), at(25s));
}

TEST(KillReserve, IsSmall) {
  EXPECT_EQ(kill_reserve(30s), 100ms);
  EXPECT_EQ(kill_reserve(1s), 50ms);
  EXPECT_EQ(kill_reserve(200ms), 10ms);
}

TEST(Timestamp, TheEarliestAndTheLatestTimeOverflowNothing) {
  using clock = std::chrono::system_clock;
  EXPECT_EQ(iso(clock::time_point::min()).substr(0, 4), "1677");
  EXPECT_EQ(iso(clock::time_point::max()).substr(0, 4), "2262");
  EXPECT_EQ(span(clock::duration::min()), "0s");
}

TEST(ServerUrl, Passwords) {
  for (const char* url :
       {"mongodb://me:pw@host", "mongodb+srv://me:pw@host/db", "mongodb://me:p@w@host", "mongodb://me:p/w@host/db",
        "me:pw@host", "me:pw@mongodb://h", "mongodb://h/?tlsCertificateKeyFilePassword=pw",
        "mongodb://h/?sslclientcertificatekeypassword=pw", "mongodb://h/?proxyPassword=pw",
        "mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:pw"}) {
    EXPECT_TRUE(has_password(url)) << url;
  }
  for (const char* url :
       {"mongodb://host", "mongodb://host:27017", "mongodb://a:1,b:2/db?replicaSet=x", "mongodb://me@host:27017",
        "mongodb://me:@host", "", "mongodb://host/?appName=a:b@c", "mongodb://[::1]:27017/db", "localhost:27017"}) {
    EXPECT_FALSE(has_password(url)) << url;
  }
}

TEST(ServerUrl, TheCommandLineWins) {
  EXPECT_EQ(choose_url("mongodb://a", {}, "mongodb://b"), "mongodb://a");
  EXPECT_EQ(choose_url({}, {}, "mongodb://me:pw@b"), "mongodb://me:pw@b");
  EXPECT_EQ(choose_url({}, {}, nullptr), std::nullopt);
  EXPECT_THROW((void)choose_url({}, {}, ""), failure);
  EXPECT_THROW((void)choose_url("", {}, nullptr), failure);
  EXPECT_THROW((void)choose_url("mongodb://a", "file", nullptr), failure);
}

TEST(Text, ControlCharactersAreShown) {
  EXPECT_EQ(in_quotes("a\x1b[31m\nb\x7f"), R"('a\x1b[31m\x0ab\x7f')");
  EXPECT_EQ(in_quotes("grün"), "'grün'");
}

TEST(Text, AnErrorMessageIsOneLine) {
  ::testing::internal::CaptureStderr();
  complain(
      "got 'a\nb\xc2\x9b"
      "2J\xe2\x80\xaex'");
  remark("a\nb");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), R"(dlock: got 'a\x0ab\xc2\x9b2J\xe2\x80\xaex')"
                                                      "\ndlock: a\\x0ab\n");
}

TEST(Text, NoSecretIsQuoted) {
  EXPECT_EQ(in_quotes("mongodb://me:pw@host/db"), "'mongodb://***@host/db'");
  EXPECT_EQ(in_quotes("--mongodb://me:p@w/?@host"), "'--mongodb://***@host'");
  EXPECT_EQ(in_quotes("mongodb://me@h/?tlsCertificateKeyFilePassword=pw&a=b"),
            "'mongodb://***@h/?tlsCertificateKeyFilePassword=***'");
  EXPECT_EQ(in_quotes("mongodb://me@h/?tlsCertificateKeyFilePassword=p@w&a=b"), "'mongodb://***'");
  EXPECT_EQ(in_quotes("password=x mongodb://me:pw@host"), "'password=x mongodb://***@host'");
  for (const char* id : {"user:1@db", "a://b", "mongodb://host:27017", "password=x", "@", "://"}) {
    EXPECT_EQ(in_quotes(id), "'" + std::string(id) + "'");
  }
  for (const char* word :
       {"me:pw@host", "me:p?w@host", "me:pw@mongodb://h", "host/?tlsCertificateKeyFilePassword=pw"}) {
    EXPECT_EQ(quoted_input(word), "'***'");
  }
  EXPECT_EQ(quoted_input("5x"), "'5x'");
  EXPECT_EQ(quoted_input("mongodb://me:pw@host"), in_quotes("mongodb://me:pw@host"));
  for (const char* url : {"mongodb://me:SECRET?password=x@h", "mongodb://me:SECRET/?tlsCertificateKeyFilePassword=x@h",
                          "mongodb://h/?password=SECRET@h"}) {
    EXPECT_EQ(quoted_input(url).find("SECRET"), std::string::npos) << url;
    EXPECT_EQ(in_quotes(url).find("SECRET"), std::string::npos) << url;
  }
}

TEST(Text, Seconds) {
  EXPECT_EQ(in_seconds(812ms), "0.812 s");
  EXPECT_EQ(in_seconds(12500ms), "12.5 s");
  EXPECT_EQ(in_seconds(30s), "30 s");
  EXPECT_EQ(in_seconds(100s), "100 s");
  EXPECT_EQ(in_seconds(24h * 365 * 7000), "220752000000 s") << "more than nanoseconds can count";
}

lock_event event(lock_event::kind what, std::string id, std::int64_t token, std::string who) {
  const std::chrono::system_clock::time_point at(std::chrono::milliseconds(1'795'482'123'045));
  return {.what = what, .id = std::move(id), .token = token, .who = std::move(who), .at = at};
}
using kind = lock_event::kind;

TEST(EventLine, ForPeople) {
  EXPECT_EQ(event_line(event(kind::locked, "job", 1790000000000000, "host:1 rsync")),
            "2026-11-24T01:02:03.045Z  locked    job  token 1790000000000000  host:1 rsync\n");
  EXPECT_EQ(event_line(event(kind::unlocked, "job", 7, "")),
            "2026-11-24T01:02:03.045Z  unlocked  job  token 7  somebody\n");
  EXPECT_EQ(event_line(event(kind::locked, "job", 0, "")),
            "2026-11-24T01:02:03.045Z  locked    job  a mongo-dlock (node) client\n");
  EXPECT_EQ(event_line(event(kind::gap, "", 0, "")),
            "2026-11-24T01:02:03.045Z  gap       events may have been missed\n");
  EXPECT_EQ(event_line(event(kind::locked, "a\nb\x1b[31m", 7,
                             "\xc2\x9b"
                             "c\xff")),
            "2026-11-24T01:02:03.045Z  locked    a\\x0ab\\x1b[31m  token 7  \\xc2\\x9bc\\xff\n");
  auto timed = event(kind::locked, "job", 7, "me");
  timed.waited = 12ms;
  EXPECT_EQ(event_line(timed), "2026-11-24T01:02:03.045Z  locked    job  token 7  me  waited 0.012 s\n");
  timed = event(kind::unlocked, "job", 7, "me");
  timed.held = 6s;
  EXPECT_EQ(event_line(timed), "2026-11-24T01:02:03.045Z  unlocked  job  token 7  me  held 6 s\n");
  timed.lost = true;
  EXPECT_EQ(event_line(timed), "2026-11-24T01:02:03.045Z  unlocked  job  token 7  me  held 6 s, lost\n");
  timed.held.reset();
  EXPECT_EQ(event_line(timed), "2026-11-24T01:02:03.045Z  unlocked  job  token 7  me  lost\n");
}

TEST(EventLine, ForPrograms) {
  EXPECT_EQ(event_json(event(kind::unlocked, "a\"\n\x7f", 7, "grün")),
            R"({"at":"2026-11-24T01:02:03.045Z","event":"unlocked","id":"a\"\n\u007f","token":7,"who":"gr\u00fcn",)"
            R"("waited_ms":null,"held_ms":null,"lost":false})"
            "\n");
  EXPECT_EQ(event_json(event(kind::locked,
                             "a\xff"
                             "b\xc3",
                             0, "")),
            R"({"at":"2026-11-24T01:02:03.045Z","event":"locked","id":"a\ufffdb\ufffd","token":null,"who":null,)"
            R"("waited_ms":null,"held_ms":null,"lost":null})"
            "\n");
  EXPECT_EQ(event_json(event(kind::gap, "", 0, "")),
            R"({"at":"2026-11-24T01:02:03.045Z","event":"gap","id":null,"token":null,"who":null,)"
            R"("waited_ms":null,"held_ms":null,"lost":null})"
            "\n");
  auto timed = event(kind::unlocked, "job", 7, "me");
  timed.held = 6s;
  timed.lost = true;
  EXPECT_EQ(event_json(timed), R"({"at":"2026-11-24T01:02:03.045Z","event":"unlocked","id":"job","token":7,"who":"me",)"
                               R"("waited_ms":null,"held_ms":6000,"lost":true})"
                               "\n");
  timed = event(kind::locked, "job", 7, "me");
  timed.waited = 0ms;
  EXPECT_EQ(event_json(timed), R"({"at":"2026-11-24T01:02:03.045Z","event":"locked","id":"job","token":7,"who":"me",)"
                               R"("waited_ms":0,"held_ms":null,"lost":null})"
                               "\n");
}

}  // namespace
}  // namespace dlock::cli
