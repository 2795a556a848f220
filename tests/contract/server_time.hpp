#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>

#include "protocol/command_parts.hpp"
#include "support/mongo.hpp"

namespace dlock::testing {

/// What the server has computed since its start. Not how long it takes: who must wait for a processor waits longer in a
/// long command, and not at all in a short one.
inline std::chrono::duration<double> computed(connection& server) {
  const auto told = server.run("admin", protocol::single("serverStatus", std::int64_t{1}).get());
  EXPECT_TRUE(told.ok) << told.error;
  std::int64_t us = 0;
  for (const char* field : {"extra_info.user_time_us", "extra_info.system_time_us"}) {
    bson_iter_t it, found;
    const bool there = bson_iter_init(&it, told.reply.get()) && bson_iter_find_descendant(&it, field, &found);
    EXPECT_TRUE(there) << field;
    if (there) us += bson_iter_as_int64(&found);
  }
  return std::chrono::microseconds(us);
}

}  // namespace dlock::testing
