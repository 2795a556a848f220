// Answers as they may come back from a server.
#include <gtest/gtest.h>

#include <limits>

#include "protocol/lookup.hpp"
#include "protocol/read.hpp"
#include "protocol/reply.hpp"
#include "support/codec.hpp"

namespace dlock::testing {
namespace {

using namespace protocol;

reply parsed(const std::string& value) {
  return parse_reply(from_json(R"({"value": )" + value + R"(, "ok": 1})").get());
}

const std::string kSummary =
    R"("r": {"me": "a", "holders": 2, "queue": 3, "place": 1, "dead": true, "next_end": {"$date": {"$numberLong": "70"}},
     "first": {"id": "x", "who": "w", "fence": {"$numberLong": "5"}, "until": {"$date": {"$numberLong": "70"}}},
     "some": [{"id": "a", "exclusive": true, "delta": 9, "until": {"$date": {"$numberLong": "80"}}, "announced": true},
              {"id": "h", "weight": 2, "client": "c", "fence": 6, "since": {"$date": {"$numberLong": "40"}}, "until": {"$date": {"$numberLong": "90"}}, "announced": false}]})";

std::string value(const std::string& plain) {
  return "{" + plain + ", " + kSummary + "}";
}

const std::string kPlain =
    R"("fence": {"$numberLong": "7000"}, "rev": {"$numberLong": "4"}, "cap": 5, "now": {"$date": {"$numberLong": "60"}},
     "ct": {"$date": {"$numberLong": "50"}}, "mine": {"$date": {"$numberLong": "50"}}, "et": {"$date": {"$numberLong": "95"}})";

TEST(Reply, IsReadInFull) {
  const auto r = parsed(value(kPlain));
  EXPECT_TRUE(r.found && r.valid && r.dead);
  EXPECT_EQ(r.now, 60);
  EXPECT_EQ(r.rev, 4);
  EXPECT_EQ(r.fence, 7000);
  EXPECT_EQ(r.cap, 5);
  EXPECT_EQ(r.place, 1);
  EXPECT_EQ(r.holders, 2);
  EXPECT_EQ(r.queue, 3);
  EXPECT_EQ(r.next_end, 70);
  EXPECT_EQ(r.first, (holder_summary{"w", 5, 70}));
  ASSERT_TRUE(r.mine);
  EXPECT_EQ(r.mine->until, 80);
  EXPECT_EQ(r.heirs, (std::vector<heir>{{"h", "c", 6, 40, 90}}));
  EXPECT_FALSE(r.foreign_until);
}

TEST(Reply, ADateIsNeverSoFarThatSumsOverflow) {
  constexpr auto most = std::numeric_limits<ms>::max();
  auto document = make_bson();
  bson_append_date_time(document.get(), "far", -1, most);
  bson_append_date_time(document.get(), "old", -1, -most);
  bson_append_date_time(document.get(), "now", -1, 1'795'482'123'045);
  EXPECT_GT(*read_date(document.get(), "far"), 253'402'300'800'000) << "after the year 9999";
  EXPECT_LT(*read_date(document.get(), "far"), most / 1000);
  EXPECT_GT(*read_date(document.get(), "old"), -most / 1000);
  EXPECT_EQ(read_date(document.get(), "now"), 1'795'482'123'045);
}

TEST(Reply, WithoutADocumentIsNotFound) {
  EXPECT_EQ(parsed("null"), reply{});
  EXPECT_EQ(parse_reply(from_json(R"({"ok": 1})").get()), reply{});
}

TEST(Reply, SaysWhenMongoDlockHoldsTheLock) {
  auto plain = kPlain;
  plain.replace(plain.find(R"("ct": {"$date": {"$numberLong": "50"}})"), 38,
                R"("ct": {"$date": {"$numberLong": "51"}})");
  EXPECT_EQ(parsed(value(plain)).foreign_until, 95);
}

TEST(Reply, OfWhatIsNoLockSaysSoAndNothingElse) {
  const reply expected{.found = true, .valid = false, .now = 60};
  const std::string now = R"("now": {"$date": {"$numberLong": "60"}})";
  const std::string et = R"(, "et": {"$date": {"$numberLong": "95"}})";
  EXPECT_EQ(parsed(value(now)), expected) << "no et";
  EXPECT_EQ(parsed(value(now + R"(, "et": "tomorrow")")), expected);
  for (const char* broken : {R"("fence": "1")", R"("rev": [])", R"("cap": "5")", R"("ct": 1)", R"("mine": true)"}) {
    EXPECT_EQ(parsed(value(now + et + ", " + broken)), expected) << broken;
  }
  EXPECT_EQ(parsed("{" + now + et + R"(, "r": null})"), expected) << "a list is of another type";
}

TEST(Reply, OfObservedExpiryNeedsNoTimeAndHasSigns) {
  const std::string text =
      R"({"value": {"observed": true, "rev": 4, "now": {"$date": {"$numberLong": "60"}}, "r": {"me": "a", "holders": 1,
          "signs": [{"id": "h", "beat": {"$numberLong": "7"}, "span": 5000}, {"id": 3, "beat": "x"}, 5, {}]}}})";
  const auto r = parse_reply(from_json(text).get(), true);
  EXPECT_TRUE(r.found && r.valid && !r.other_expiry);
  EXPECT_EQ(r.rev, 4);
  EXPECT_EQ(r.signs, (std::vector<sign>{{"h", 7, 5000}, {}, {}}));
  EXPECT_EQ(parse_reply(from_json(text).get()),
            (reply{.found = true, .valid = false, .other_expiry = true, .now = 60}));
}

TEST(Reply, OfTheServersClockIsOfTheOtherExpiryForWhoeverObserves) {
  const auto text = R"({"value": )" + value(kPlain) + "}";
  EXPECT_EQ(parse_reply(from_json(text).get(), true),
            (reply{.found = true, .valid = false, .other_expiry = true, .now = 60}));
}

TEST(Reply, SurvivesAnything) {
  for (const char* v :
       {"{}", "[]", "1", R"("x")", R"({"r": 1})", R"({"r": []})", R"({"r": {"some": 1, "first": []}})",
        R"({"et": {"$date": {"$numberLong": "1"}}, "r": {"me": "a", "some": [1, [], {}, {"id": 2}], "first": 3}})"}) {
    EXPECT_FALSE(parsed(v).mine) << v;
  }
}

TEST(Reply, AnEntryWithStrangeFieldsIsReadAllTheSame) {
  const auto h =
      parse_holder(from_json(R"({"id": 5, "weight": "x", "until": "y", "fence": {"a": 1}, "who": null})").get());
  holder expected;
  expected.what.exclusive = false;
  EXPECT_EQ(h, expected);
  EXPECT_EQ(parse_holder(from_json(R"({"fence": {"$numberInt": "7"}})").get()).fence, 7) << "as other drivers write it";
}

TEST(Reply, StringsKeepTheirBytes) {
  auto b = make_bson();
  const std::string id("a\0b\xc3\xa9", 5);
  append(b.get(), "id", id);
  EXPECT_EQ(parse_holder(b.get()).id, id);
}

/// `text` with each `what` replaced.
std::string with(std::string text, const std::string& what, const std::string& by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
  return text;
}

// Somebody typed it: a holder's own token.
TEST(Reply, NobodyIsToldATokenThatNoServerHasGranted) {
  for (const char* fence : {"-6", "0", R"({"$numberLong": "9223372036854775807"})", "1e300", R"("6")",
                            R"({"$numberLong": "31536000060000"})"}) {
    auto text = with(value(kPlain), R"("fence": 6)", std::string(R"("fence": )") + fence);
    EXPECT_TRUE(parsed(text).heirs.empty()) << fence;
    EXPECT_TRUE(parsed(text).first);
    text = with(value(kPlain), R"("fence": {"$numberLong": "5"})", std::string(R"("fence": )") + fence);
    EXPECT_EQ(parsed(text).first, (holder_summary{"w", 0, 70})) << fence;
    EXPECT_EQ(parsed(text).heirs.size(), 1u);
    EXPECT_EQ(parsed(text).holders, 2) << "it is there";
  }
  EXPECT_EQ(parsed(with(value(kPlain), R"("fence": 6)", R"("fence": {"$numberLong": "31536000059999"})")).heirs.size(),
            1u);
}

TEST(Reply, ImpossibleNumbersOfEntriesAreLimited) {
  const auto r =
      parsed(with(with(with(value(kPlain), R"("place": 1)", R"("place": {"$numberLong": "4611686018427387904"})"),
                       R"("queue": 3)", R"("queue": {"$numberLong": "-9223372036854775808"})"),
                  R"("holders": 2)", R"("holders": 1e18)"));
  EXPECT_EQ(r.place, std::numeric_limits<std::int32_t>::max()) << "so that products do not overflow";
  EXPECT_EQ(r.holders, std::numeric_limits<std::int32_t>::max());
  EXPECT_EQ(r.queue, 0);
}

TEST(Sights, AHolderWithNoPossibleTokenIsShownWithoutOne) {
  const auto seen = [](const std::string& holders) {
    return parse_snapshot(from_json(R"({"now": {"$date": {"$numberLong": "60"}}, "d": {"_id": "job",
      "fence": 7000, "et": {"$date": {"$numberLong": "95"}}, "holders": [)" +
                                    holders + "]}}")
                              .get());
  };
  const std::string good = R"({"id": "a", "fence": 6000})";
  EXPECT_TRUE(seen(good).valid);
  for (const char* fence : {"-6", "0", R"({"$numberLong": "9223372036854775807"})", "1e300"}) {
    const auto s = seen(good + R"(, {"id": "b", "fence": )" + fence + "}");
    EXPECT_TRUE(s.valid) << fence;
    ASSERT_EQ(s.what.holders.size(), 2u);
    EXPECT_EQ(s.what.holders[0].fence, 6000);
    EXPECT_EQ(s.what.holders[1].fence, 0);
  }
}

constexpr auto kShortBegin =
    R"({"value": {"rev": 5, "fence": 7000, "et": {"$date": {"$numberLong": "9"}}, "ct": {"$date": {"$numberLong": "7"}},
        "mine": {"$date": {"$numberLong": "7"}}, )";

TEST(ShortReply, IsEmptyForAnyOtherCase) {
  const request r{.op = operation::enqueue, .lock = "job", .id = "a"};
  for (const char* v :
       {R"("holders": 1})", R"("holders": [{"id": "a"}]})", R"("holders": [{"id": "b"}], "queue": 0})",
        R"("holders": [{"id": "a"}, {"id": "b"}], "queue": 0})", R"("holders": [{"id": "a"}], "queue": -1})",
        R"("holders": [{"id": "b"}], "queue": 2, "last": "c"})", R"("holders": [], "queue": 0})",
        R"("holders": [{"id": "a"}], "queue": 0, "cap": "no number"})"}) {
    EXPECT_FALSE(parse_short_reply(from_json(std::string(kShortBegin) + v + "}").get(), r)) << v;
  }
  for (const char* v : {"null", "{}", R"({"holders": [{"id": "a"}], "queue": 0})",
                        R"({"holders": [{"id": "a"}], "queue": 0, "observed": true})",
                        R"({"holders": [{"id": "a"}], "queue": 0, "et": {"$date": {"$numberLong": "1"}}, "ct": 5})"})
    EXPECT_FALSE(parse_short_reply(from_json(std::string(R"({"value": )") + v + "}").get(), r)) << v;
}

}  // namespace
}  // namespace dlock::testing
