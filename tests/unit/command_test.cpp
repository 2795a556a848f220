// What the commands look like; tests/contract shows what the server makes of them.
#include <gtest/gtest.h>

#include <array>
#include <functional>

#include "protocol/pipeline.hpp"
#include "protocol/short_form.hpp"
#include "support/codec.hpp"

namespace dlock::testing {
namespace {

using namespace protocol;

constexpr std::array kAll{operation::try_,  operation::enqueue, operation::heartbeat,
                          operation::renew, operation::release, operation::cancel};

request a_request(operation op) {
  return {.op = op, .lock = "job", .id = "a", .who = "me", .client = "c"};
}

bool has(const bson_t* b, const char* path, bson_iter_t& found) {
  bson_iter_t it;
  return bson_iter_init(&it, b) && bson_iter_find_descendant(&it, path, &found);
}

std::string text_at(const bson_t* b, const char* path) {
  bson_iter_t it;
  return has(b, path, it) && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, nullptr) : "(none)";
}

TEST(Command, IsAFindAndModifyOfOneDocumentByAPipeline) {
  for (const auto op : kAll) {
    const auto c = command(a_request(op), {.coll = "locks"});
    bson_iter_t it;
    EXPECT_STREQ(bson_iter_init(&it, c.get()) && bson_iter_next(&it) ? bson_iter_key(&it) : "", "findAndModify");
    EXPECT_EQ(text_at(c.get(), "findAndModify"), "locks");
    EXPECT_EQ(text_at(c.get(), "query._id"), "job");
    EXPECT_TRUE(has(c.get(), "update", it) && BSON_ITER_HOLDS_ARRAY(&it));
  }
}

TEST(Command, IsAcknowledgedByAMajorityAndNeverRetriedByTheDriver) {
  for (const auto op : kAll) {
    for (const auto& c : {command(a_request(op), {.coll = "locks"}), short_command(a_request(op), {.coll = "locks"})}) {
      bson_iter_t it;
      EXPECT_EQ(text_at(c.get(), "writeConcern.w"), "majority");
      EXPECT_FALSE(has(c.get(), "writeConcern.wtimeout", it));  // no limit was given
      EXPECT_FALSE(has(c.get(), "maxTimeMS", it));
      EXPECT_FALSE(has(c.get(), "txnNumber", it));
    }
  }
}

TEST(Command, TakesItsLimitToTheServer) {
  const auto c = command(a_request(operation::try_), {.coll = "locks", .limit = 4000});
  bson_iter_t it;
  ASSERT_TRUE(has(c.get(), "maxTimeMS", it));
  EXPECT_EQ(bson_iter_as_int64(&it), 4000);
  ASSERT_TRUE(has(c.get(), "writeConcern.wtimeout", it));
  EXPECT_EQ(bson_iter_as_int64(&it), 4000);
}

TEST(Command, TakesTheTimeFromTheServer) {
  const auto c = command(a_request(operation::try_), {.coll = "locks"});
  EXPECT_EQ(text_at(c.get(), "update.0.$replaceWith.now"), "$$NOW");
  EXPECT_EQ(text_at(c.get(), "fields.now"), "$$NOW");
}

/// Calls `use` with the path of every string in the document, its value included.
using string_visitor = std::function<void(const std::string& path, const std::string& value)>;
void each_string(bson_iter_t it, const std::string& path, const string_visitor& use) {
  while (bson_iter_next(&it)) {
    const std::string here = path + "/" + bson_iter_key(&it);
    bson_iter_t below;
    if (BSON_ITER_HOLDS_UTF8(&it)) {
      std::uint32_t length = 0;
      const char* utf8 = bson_iter_utf8(&it, &length);
      use(here, {utf8, length});
    } else if (bson_iter_recurse(&it, &below)) {
      each_string(below, here, use);
    }
  }
}

/// Every string of the user's is compared by equality, or under $literal.
void expect_no_expression(const bson& c, operation op) {
  bson_iter_t it;
  ASSERT_TRUE(bson_iter_init(&it, c.get()));
  int seen = 0;
  each_string(it, "", [&](const std::string& path, const std::string& value) {
    if (!value.starts_with("$users_")) return;
    ++seen;
    const bool compared = path == "/query/_id" || path == "/query/holders/$elemMatch/id";
    EXPECT_TRUE(compared || path.find("/$literal/") != std::string::npos || path.ends_with("/$literal"))
        << name_of(op) << " " << path << ": " << value;
  });
  EXPECT_GE(seen, 2) << name_of(op);
}

TEST(Command, NoStringOfTheUsersIsAnExpression) {
  for (const auto op : kAll) {
    for (const ms stays : {0, 1000}) {
      request r{.op = op, .lock = "$users_lock", .id = "$users_id", .who = "$users_who", .client = "$users_client"};
      r.keep = r.tomb = stays;
      expect_no_expression(command(r, {.coll = "locks"}), op);
      if (has_short_form(r)) expect_no_expression(short_command(r, {.coll = "locks"}), op);
    }
  }
}

TEST(Command, StaysSmallBecauseTheServerParsesItEachTime) {
  for (const auto op : kAll) EXPECT_LT(command(a_request(op), {.coll = "locks"})->len, 7500u) << name_of(op);
  EXPECT_LT(short_command(a_request(operation::try_), {.coll = "locks"})->len, 3000u);
  for (const auto op : {operation::enqueue, operation::release})
    EXPECT_LT(short_command(a_request(op), {.coll = "locks"})->len, 4000u) << name_of(op);
}

TEST(ShortForm, IsForTakingAndReleasing) {
  for (const auto op : kAll) {
    EXPECT_EQ(has_short_form(a_request(op)),
              op == operation::try_ || op == operation::enqueue || op == operation::release);
  }
  auto keeps = a_request(operation::release);
  keeps.keep = 1000;
  EXPECT_FALSE(has_short_form(keeps));
  auto heavy = a_request(operation::try_);
  heavy.what = {false, 3};
  heavy.cap = 2;
  EXPECT_FALSE(has_short_form(heavy));
  heavy.cap = 3;
  EXPECT_TRUE(has_short_form(heavy));
}

}  // namespace
}  // namespace dlock::testing
