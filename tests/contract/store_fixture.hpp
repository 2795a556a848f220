#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "contract/store_harness.hpp"
#include "support/codec.hpp"
#include "support/story.hpp"

namespace dlock::testing {

using namespace protocol;

/// A store, and stories of requests to it.
class Store : public ::testing::Test, public stage {
 protected:
  reply tell(const request& r) {
    const auto a = harness_->locks().apply(r, r.op == operation::renew ? lane::renewal : lane::normal);
    EXPECT_EQ(a.what, answer::kind::replied) << r << ": " << a.why;
    return a.reply;
  }
  reply play(const std::string& text) {
    told_.play(text);
    return told_.last;
  }
  request ask(const std::string& step) { return told_.asked(step); }
  static request ask(operation op, const std::string& id, const std::string& lock = "lock") {
    return {.op = op, .lock = lock, .id = id};
  }

  [[nodiscard]] reply carry_out(const request& r, ms stale) override {
    if (stale != 0) harness_->advance(-stale);
    auto out = tell(r);
    if (stale != 0) harness_->advance(stale);
    return out;
  }
  void pass(ms time) override { harness_->advance(time); }
  [[nodiscard]] ms now() const override { return harness_->now(); }
  [[nodiscard]] std::int64_t resized() const override {
    return harness_->locks().apply({.op = operation::peek, .lock = "lock", .id = "x"}, lane::normal).reply.resized;
  }

  std::unique_ptr<store_harness> harness_ = make_harness();

 private:
  story told_{*this};
};

}  // namespace dlock::testing
