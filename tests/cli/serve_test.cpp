#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "lock_changes.hpp"
#include "page_files.hpp"

namespace dlock::cli {
namespace {

using namespace std::chrono_literals;
using strings = std::vector<std::string>;

const std::chrono::system_clock::time_point time_of_read(std::chrono::milliseconds(1'795'482'123'045));

lock_state named(std::string id, std::int64_t token = 1) {
  return {.id = std::move(id), .token = token, .at = time_of_read};
}

/// The ids of the locks, and -id of those that are gone.
strings changes_told(const lock_changes& changes) {
  strings out;
  for (const std::string& each : changes.locks) out.push_back(each.substr(0, each.find(',')));
  for (const std::string& each : changes.gone) out.push_back("-" + each);
  return out;
}

TEST(KnownLocks, OnlyWhatChangedIsTold) {
  known_locks known;
  EXPECT_FALSE(known.at());
  EXPECT_EQ(changes_told(known.replace({named("a"), named("b"), named("c")})),
            (strings{R"({"id":"a")", R"({"id":"b")", R"({"id":"c")"}));
  EXPECT_FALSE(known.replace({named("a"), named("b"), named("c")}).any());
  EXPECT_EQ(changes_told(known.replace({named("a"), named("b", 2), named("d")})),
            (strings{R"({"id":"b")", R"({"id":"d")", R"(-"c")"}));
  EXPECT_EQ(changes_told(known.replace({named("0")})), (strings{R"({"id":"0")", R"(-"a")", R"(-"b")", R"(-"d")"}));
  EXPECT_EQ(changes_told(known.all()), strings{R"({"id":"0")"});
}

TEST(KnownLocks, ALaterLookIsNoChange) {
  known_locks known;
  EXPECT_TRUE(known.replace({named("a")}).any());
  lock_state later = named("a");
  later.at += 5s;
  EXPECT_FALSE(known.replace({later}).any());
  EXPECT_EQ(known.at(), time_of_read + 5s);
  later.holders = {{.who = "x"}};
  EXPECT_TRUE(known.replace({later}).any());
  later.holders[0].expired = true;
  EXPECT_TRUE(known.replace({later}).any());
}

TEST(KnownLocks, OneByItself) {
  known_locks known;
  EXPECT_TRUE(known.replace({named("a"), named("c")}).any());
  EXPECT_EQ(changes_told(known.replace("b", named("b"))), strings{R"({"id":"b")"});
  EXPECT_FALSE(known.replace("b", named("b")).any());
  EXPECT_EQ(changes_told(known.replace("b", named("b", 2))), strings{R"({"id":"b")"});
  EXPECT_EQ(changes_told(known.replace("a", {})), strings{R"(-"a")"});
  EXPECT_FALSE(known.replace("a", {}).any());
  EXPECT_EQ(changes_told(known.all()), (strings{R"({"id":"b")", R"({"id":"c")"}));
}

TEST(KnownLocks, ALockThatIsReadTwiceCountsOnce) {
  known_locks known;
  EXPECT_EQ(known.replace({named("a"), named("a", 2), named("b")}).locks.size(), 2u);
  EXPECT_FALSE(known.replace({named("a"), named("b")}).any());
}

TEST(PageFiles, AreThere) {
  strings paths;
  for (const page_file& each : page_files()) {
    paths.emplace_back(each.path);
    EXPECT_FALSE(each.text.empty()) << each.path;
    EXPECT_NE(each.type.find('/'), std::string_view::npos) << each.path;
  }
  EXPECT_EQ(paths, (strings{"/icon.svg", "/", "/licenses.txt", "/page.css", "/page.js"}));
  EXPECT_TRUE(page_files()[1].text.starts_with("<!doctype html>"));
  EXPECT_TRUE(page_files()[1].text.ends_with("</html>\n"));
}

}  // namespace
}  // namespace dlock::cli
