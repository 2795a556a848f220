#include "util/logger.hpp"

#include <gtest/gtest.h>

#include <string>

#include "client/world.hpp"

namespace dlock::testing {
namespace {

/// What a test's callback was given, one message after the other.
struct book {
  std::mutex guard;
  std::string text;
  event first, go_on;

  std::shared_ptr<logger> make(bool blocks) {
    return logger::make([this, blocks](log_level, std::string_view message) {
      {
        const std::lock_guard lock(guard);
        text += std::string(message) + ' ';
      }
      first.happen();
      if (blocks) {
        EXPECT_TRUE(go_on.wait());
      }
    });
  }
  std::string read() {
    const std::lock_guard lock(guard);
    return text;
  }
};

TEST(Logger, BringsNothingAfterItIsClosed) {
  book b;
  const auto log = b.make(false);
  const auto write = writer(log);
  for (const char* message : {"a", "b", "c"}) write(log_level::info, message);
  EXPECT_TRUE(b.first.wait());
  log->close();
  const auto then = b.read();
  write(log_level::info, "d");  // by a thread of the driver, which keeps it
  log->close();
  EXPECT_EQ(b.read(), then);
}

TEST(Logger, WhatHasNotBegunWhenItIsClosedDoesNotBegin) {
  auto b = std::make_unique<book>();
  auto log = b->make(true);
  log->write(log_level::info, "a");
  log->write(log_level::info, "b");
  ASSERT_TRUE(b->first.wait());
  log->close();  // it does not wait for ever
  EXPECT_EQ(b->read(), "a ");
  b->go_on.happen();
  log->close();  // the one that was under way is over
  log.reset();
  b.reset();  // with AddressSanitizer: nobody writes in it
}

TEST(Logger, CanBeClosedByItsCallback) {
  std::shared_ptr<logger> log;
  event closed;
  log = logger::make([&](log_level, std::string_view) {
    log->close();
    closed.happen();
  });
  log->write(log_level::info, "a");
  EXPECT_TRUE(closed.wait());
}

}  // namespace
}  // namespace dlock::testing
