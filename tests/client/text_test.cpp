// What others wrote, in what dlock says.
#include <dlock/text.hpp>

#include <gtest/gtest.h>

#include "client/granted.hpp"
#include "client/world.hpp"
#include "runtime/lease_state.hpp"
#include "util/text.hpp"

namespace dlock::testing {
namespace {

std::string utf8(unsigned c) {
  const auto byte = [](unsigned value) { return static_cast<char>(value); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xc0 | c >> 6U), byte(0x80 | (c & 0x3fU))};
  if (c < 0x10000) return {byte(0xe0 | c >> 12U), byte(0x80 | (c >> 6U & 0x3fU)), byte(0x80 | (c & 0x3fU))};
  return {byte(0xf0 | c >> 18U), byte(0x80 | (c >> 12U & 0x3fU)), byte(0x80 | (c >> 6U & 0x3fU)),
          byte(0x80 | (c & 0x3fU))};
}

TEST(Text, ControlAndInvisibleCharactersAreWrittenAsBytes) {
  EXPECT_EQ(printable("a\x1b[31m\nb\x7f"), R"(a\x1b[31m\x0ab\x7f)");
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), R"(a\x00b)");
  EXPECT_EQ(printable(utf8(0x9b) + "31m"), R"(\xc2\x9b31m)");
  EXPECT_EQ(printable(utf8(0x202e) + "gnp"), R"(\xe2\x80\xaegnp)");
  EXPECT_EQ(printable("a\x9b"
                      "b\xc3"),
            R"(a\x9bb\xc3)");
  for (const unsigned c :
       {0x00U,   0x1fU,    0x80U,    0x85U,    0x9fU,    0xadU,    0x34fU,  0x61cU,  0x115fU, 0x1160U,
        0x17b4U, 0x180eU,  0x200bU,  0x200dU,  0x200eU,  0x200fU,  0x2028U, 0x2029U, 0x202aU, 0x202eU,
        0x2060U, 0x2066U,  0x2069U,  0x206fU,  0x3164U,  0xfe00U,  0xfe0fU, 0xfeffU, 0xffa0U, 0xfff9U,
        0xfffbU, 0x13430U, 0x1bca0U, 0x1d173U, 0xe0001U, 0xe007fU, 0xe01efU}) {
    const auto shown = printable("a" + utf8(c) + "b");
    EXPECT_TRUE(shown.starts_with("a\\x")) << std::hex << c;
    EXPECT_EQ(printable(shown), shown) << "twice";
  }
}

TEST(Text, OtherCharactersStay) {
  for (const char* text :
       {"", "a b", R"(C:\x0a "quoted")", "gr\u00fcn \u9501 \U0001d11e", "\u00a0\u2026\u201c\u20ac", "\u0600\u06dd"})
    EXPECT_EQ(printable(text), text);
  for (const unsigned c :
       {0x20U,   0x7eU,   0xa0U,   0xacU,   0xaeU,   0x61bU,  0x61dU,   0x200aU,  0x2010U,  0x2027U,  0x202fU,
        0x205fU, 0x2070U, 0xfe10U, 0xfefeU, 0xff01U, 0xfffdU, 0x1f600U, 0xdffffU, 0xe1000U, 0x10fffdU})
    EXPECT_EQ(printable(utf8(c)), utf8(c)) << std::hex << c;
}

TEST(Text, InvalidUtf8IsWrittenAsBytes) {
  EXPECT_EQ(printable("\xc0\x80"), R"(\xc0\x80)") << "too long a form";
  EXPECT_EQ(printable("\xed\xa0\x80"), R"(\xed\xa0\x80)") << "half of a pair";
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), R"(\xf4\x90\x80\x80)") << "beyond Unicode";
  EXPECT_EQ(printable("\xe2\x82"), R"(\xe2\x82)") << "cut off";
}

TEST(Text, AnIdIsCutBetweenTwoCharacters) {
  EXPECT_EQ(in_quotes("x\n"), R"("x\x0a")");
  EXPECT_EQ(in_quotes(std::string(100, 'x')), "\"" + std::string(100, 'x') + "\"");
  EXPECT_EQ(in_quotes(std::string(98, 'x') + "\u20ac\u20ac"), "\"" + std::string(98, 'x') + "...\"");
  EXPECT_EQ(in_quotes(std::string(97, 'x') + "\u20ac\u20ac"), "\"" + std::string(97, 'x') + "\u20ac...\"");
}

/// Ends a line, and begins what looks like another message.
const std::string eve = "eve\nlock \"x\" acquired" + utf8(0x9b) + "2J" + utf8(0x202e);
const std::string shown_eve = R"(eve\x0alock "x" acquired\xc2\x9b2J\xe2\x80\xae)";

TEST(Text, AnErrorIsOneLine) {
  EXPECT_EQ(std::string(error(errc::server, "it says " + eve).what()), "it says " + shown_eve);
  EXPECT_EQ(std::string(error(errc::server, "it says " + eve, {.retryable = true}).what()), "it says " + shown_eve);
}

TEST(Text, AnErrorNamesTheLockInOneLine) {
  world w;
  w.store->put_something_else(eve);
  const auto e = error_of([&] { (void)mutex(*w.locks, eve).try_acquire(); });
  EXPECT_TRUE(std::string(e.what()).find('"' + shown_eve + '"') != std::string::npos) << e.what();
}

TEST(Text, ALogMessageIsOneLineAndItsSecretsGoFirst) {
  event told;
  std::string got;
  const std::string secret = "p" + utf8(0x200b) + "w";
  const auto log = logger::make(
      [&](log_level, std::string_view message) {
        got = message;
        told.happen();
      },
      [&](std::string message) {
        const auto at = message.find(secret);
        return at == std::string::npos ? message : message.replace(at, secret.size(), "***");
      });
  writer(log)(log_level::info, secret + " " + eve);
  ASSERT_TRUE(told.wait());
  EXPECT_EQ(got, "*** " + shown_eve);
}

TEST(Text, TheReasonOfALossIsOneLine) {
  detail::lease_state lease({}, 1, granted("lock", "owner", 1, now_ms() + 60'000));
  detail::lease_state::callbacks unused;
  engine::hold_changed revoked{.hold = 1, .now = engine::hold_phase::lost, .why = engine::loss::revoked};
  revoked.by = eve;
  EXPECT_TRUE(lease.change(revoked, unused));
  EXPECT_EQ(lease.loss(), "it was revoked by " + shown_eve);
}

TEST(Text, TheProblemOfNotificationsIsOneLine) {
  world w(world::quick(), 16, std::make_shared<fake_channel>());
  w.notices->fail(eve);
  const auto s = w.locks->subscribe_all([](const lock_event&) {});
  EXPECT_TRUE(eventually([&] { return w.locks->notifications().problem == shown_eve; }));
}

}  // namespace
}  // namespace dlock::testing
