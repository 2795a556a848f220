#include "util/logger.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "client/world.hpp"

namespace dlock::testing {
namespace {

/// What a test's callback was given, one message after the other.
struct book {
  std::mutex guard;
  std::string text;
  event first, go_on;

  std::string read() {
    const std::lock_guard lock(guard);
    return text;
  }
};

/// Writes into `b`, which lasts for as long as its callback; waits for go_on each time, if it `blocks`.
std::shared_ptr<logger> logger_to(const std::shared_ptr<book>& b, bool blocks) {
  return logger::make([b, blocks](log_level, std::string_view message) {
    {
      const std::lock_guard lock(b->guard);
      b->text += std::string(message) + ' ';
    }
    b->first.happen();
    if (blocks) {
      EXPECT_TRUE(b->go_on.wait());
    }
  });
}

TEST(Logger, CallsNothingAfterItIsClosed) {
  const auto b = std::make_shared<book>();
  const auto log = logger_to(b, false);
  const auto write = writer(log);
  for (const char* message : {"a", "b", "c"}) write(log_level::info, message);
  ASSERT_TRUE(eventually([&] { return b->read() == "a b c "; }));
  log->close();
  write(log_level::info, "d");  // by a thread of the driver, which keeps it
  log->close();
  EXPECT_EQ(b->read(), "a b c ");
}

TEST(Logger, ACallThatHasNotBegunWhenItIsClosedDoesNotBegin) {
  const auto b = std::make_shared<book>();
  const auto log = logger_to(b, true);
  log->write(log_level::info, "a");
  log->write(log_level::info, "b");
  ASSERT_TRUE(b->first.wait());
  log->close();  // it does not wait for ever
  EXPECT_EQ(b->read(), "a ");
  b->go_on.happen();
  log->close();
  EXPECT_EQ(b->read(), "a ");
}

TEST(Logger, CanBeClosedByItsCallback) {
  const auto closed = std::make_shared<event>();
  const auto self = std::make_shared<std::weak_ptr<logger>>();
  const auto log = logger::make([closed, self](log_level, std::string_view) {
    if (const auto me = self->lock()) me->close();
    closed->happen();
  });
  *self = log;
  log->write(log_level::info, "a");
  EXPECT_TRUE(closed->wait());
}

}  // namespace
}  // namespace dlock::testing
