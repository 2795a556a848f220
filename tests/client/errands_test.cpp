#include "client/errands.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stop_token>

#include "client/world.hpp"

namespace dlock::testing {
namespace {

TEST(Errands, WhatHasNotBegunWhenItsThreadsAreStoppedIsDroppedWithAllThatItOwns) {
  const auto env = std::make_shared<manual_environment>();
  const auto io = std::make_shared<worker_pool>(1), notices = std::make_shared<worker_pool>(worker_pool::unlimited);
  const auto going_on = std::make_shared<detail::activity>();
  const std::stop_source closing;
  const auto begun = std::make_shared<event>(), go_on = std::make_shared<event>();  // the thread may outlive this
  ASSERT_TRUE(io->post([begun, go_on] {
    begun->happen();
    EXPECT_TRUE(go_on->wait());
  }));
  ASSERT_TRUE(begun->wait());
  auto owned = std::make_shared<int>(0);
  const auto seen = std::weak_ptr(owned);
  {
    const auto e = std::make_shared<detail::errands>(running_store(env), io, notices, closing.get_token(), 1, env);
    e->add({.op = protocol::operation::cancel, .lock = "lock", .id = "a"}, env->now_ms() + 60'000,
           detail::activity::part(going_on), [e, owned](const answer&) {});
    owned.reset();
    e->stop();
  }
  io->stop(std::chrono::milliseconds{0});
  EXPECT_TRUE(seen.expired());
  go_on->happen();
}

}  // namespace
}  // namespace dlock::testing
