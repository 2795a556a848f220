#include "protocol/batch.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dlock::protocol {
namespace {

using places = std::vector<std::size_t>;

request enqueue(const std::string& id) {
  request r;
  r.op = operation::enqueue;
  r.lock = "lock";
  r.id = id;
  return r;
}

request longer(const std::string& id) {
  request r = enqueue(id);
  r.delta += 1;
  return r;
}

request reader_leaves(const std::string& id) {
  request r = enqueue(id);
  r.op = operation::release;
  r.what = {.exclusive = false, .weight = 1};
  return r;
}

places next(const std::vector<request>& waiting) {
  std::vector<const request*> asked;
  for (const auto& r : waiting) asked.push_back(&r);
  return next_batch(asked);
}

TEST(Batch, OtherTermsAndTheSameIdTwiceAreNotMixed) {
  EXPECT_EQ(next({enqueue("a"), longer("b")}), (places{0}));
  EXPECT_EQ(next({enqueue("a"), enqueue("a")}), (places{0}));
  request elsewhere = enqueue("b");
  elsewhere.lock = "another";
  EXPECT_EQ(next({enqueue("a"), elsewhere}), (places{0}));
}

TEST(Batch, NoEnqueuePassesOneThatCameBefore) {
  EXPECT_EQ(next({enqueue("a"), longer("b"), enqueue("c")}), (places{0}));
  EXPECT_EQ(next({enqueue("a"), enqueue("b"), longer("c"), enqueue("d")}), (places{0, 1}));
}

TEST(Batch, WhoLeavesPassesThoseWhoCome) {
  EXPECT_EQ(next({enqueue("a"), longer("b"), reader_leaves("c"), enqueue("d")}), (places{0, 2}));
}

TEST(Batch, AnEnqueueGoesWithTheReleaseOfTheOneBefore) {
  request leaves = enqueue("a");
  leaves.op = operation::release;
  EXPECT_FALSE(can_go_together(leaves)) << "it waits for nobody";
  EXPECT_TRUE(can_pass(leaves, enqueue("b")));
  EXPECT_TRUE(can_pass(reader_leaves("a"), enqueue("b")));
  EXPECT_FALSE(can_pass(leaves, longer("b")));
  EXPECT_FALSE(can_pass(enqueue("a"), enqueue("b")));
  EXPECT_FALSE(can_pass(leaves, reader_leaves("b")));
  request kept = leaves;
  kept.keep = 1;
  EXPECT_FALSE(can_pass(kept, enqueue("b")));
  request observed = leaves, comes = enqueue("b");
  observed.observed = comes.observed = true;
  EXPECT_FALSE(can_pass(observed, enqueue("b")));
  EXPECT_FALSE(can_pass(leaves, comes));
}

TEST(Batch, RenewalsOfOneLockAndOneLengthGoTogether) {
  request a = reader_leaves("a"), b = reader_leaves("b");
  a.op = b.op = operation::renew;
  EXPECT_TRUE(renewed_together(a, b));
  EXPECT_FALSE(can_go_together(a)) << "they do not wait for others";
  const auto with = [&](auto change) {
    request other = b;
    change(other);
    return renewed_together(a, other) || renewed_together(other, a);
  };
  EXPECT_TRUE(with([](request& r) { r.life = 1; })) << "a holder has none";
  EXPECT_FALSE(with([](request& r) { r.lock = "another"; }));
  EXPECT_FALSE(with([](request& r) { r.id = "a"; }));
  EXPECT_FALSE(with([](request& r) { r.delta += 1; }));
  EXPECT_FALSE(with([](request& r) { r.skew += 1; }));
  EXPECT_FALSE(with([](request& r) { r.observed = true; }));
}

}  // namespace
}  // namespace dlock::protocol
