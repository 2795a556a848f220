// What anybody may have written into the notification database.
#include <gtest/gtest.h>

#include <limits>

#include "protocol/event.hpp"
#include "support/json.hpp"

namespace dlock::protocol {
namespace {

constexpr ms kNow = 1'795'000'000'000;
constexpr std::int64_t kToken = kNow * token_step;

const std::int64_t strange[] = {-1, -kToken, end_of_tokens(kNow), token_limit,
                                std::numeric_limits<std::int64_t>::max()};

TEST(Event, AGrantHasATokenThatAServerMayHaveGranted) {
  const auto comes_back = [](std::int64_t fence, ms since = kNow) {
    const grant g{"job", "a1", fence, since};
    const auto got = parse_grant(grant_document("me", g).get());
    EXPECT_TRUE(!got || *got == g);
    return got.has_value();
  };
  EXPECT_TRUE(comes_back(kToken));
  EXPECT_TRUE(comes_back(end_of_tokens(kNow) - 1));
  EXPECT_FALSE(comes_back(0));
  for (const auto fence : strange) EXPECT_FALSE(comes_back(fence)) << fence;
  EXPECT_FALSE(comes_back(token_limit, kNow * 1000)) << "whatever its date";
}

TEST(Event, AnAnnouncementHasNoneOrOneThatAServerMayHaveGranted) {
  const auto comes_back = [](std::int64_t token, ms at = kNow) {
    const announcement a{"job", true, token, "w", at};
    const auto got = parse_announcement(announcement_document(a).get());
    EXPECT_TRUE(!got || *got == a);
    return got.has_value();
  };
  EXPECT_TRUE(comes_back(kToken));
  EXPECT_TRUE(comes_back(0, 0)) << "as mongo-dlock's";
  for (const auto token : strange) EXPECT_FALSE(comes_back(token)) << token;
  EXPECT_FALSE(comes_back(token_limit, kNow * 1000)) << "whatever its date";
}

TEST(Event, AnAnnouncementHasItsDurations) {
  announcement locked{"job", true, kToken, "w", kNow};
  locked.waited = 0;
  announcement unlocked{"job", false, kToken, "w", kNow};
  unlocked.held = 6000;
  EXPECT_EQ(parse_announcement(announcement_document(locked).get()), locked);
  EXPECT_EQ(parse_announcement(announcement_document(unlocked).get()), unlocked);
  unlocked.lost = true;
  EXPECT_EQ(parse_announcement(announcement_document(unlocked).get()), unlocked);
}

std::optional<announcement> parsed(const std::string& message) {
  return parse_announcement(testing::from_json(R"({"event": "job", "message": )" + message + "}").get());
}

TEST(Event, AnAnnouncementOfAnotherVersionIsRead) {
  const announcement plain{"job", true, 0, "", 0};
  EXPECT_EQ(parsed(R"({"id": "job", "locked": true})"), plain) << "an older one, or mongo-dlock";
  EXPECT_EQ(parsed(R"({"id": "job", "locked": true, "mood": "good", "more": {"locked": false}})"), plain)
      << "a later one has fields that we do not know";
  EXPECT_EQ(parsed(R"({"id": "job", "locked": true, "held": 7, "lost": true})"), plain) << "fields of the other kind";
}

TEST(Event, DurationsThatNobodyCanHaveMeasuredAreLeftOut) {
  const announcement plain{"job", false, 0, "", 0};
  for (const char* odd : {"-1", "\"7\"", "true", "9e18", "9223372036854775807", "{}"}) {
    EXPECT_EQ(parsed(std::string(R"({"id": "job", "locked": false, "held": )") + odd + R"(, "lost": "no"})"), plain)
        << odd;
  }
}

}  // namespace
}  // namespace dlock::protocol
