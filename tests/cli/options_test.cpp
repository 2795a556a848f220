#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "text.hpp"
#include "values.hpp"
#include "verbs.hpp"

namespace dlock::cli {
namespace {

using namespace std::chrono_literals;
using words = std::vector<std::string>;

// What is refused, and what is said then, is in test_bad_input.py.

TEST(LockId, Utf8) {
  for (const char* id : {"a", "some-task", "$holders", "a b", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x94\x92",
                         "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_NO_THROW(check_id(id)) << id;
  }
  for (const char* id : {"", "\xff", "\x80", "\xc3", "\xc3(", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                         "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "ok\xe2\x82"}) {
    EXPECT_THROW(check_id(id), failure) << id;
  }
  EXPECT_NO_THROW(check_id(std::string(1000, 'x')));
  EXPECT_THROW(check_id(std::string(1001, 'x')), failure);
}

TEST(RunOptions, Defaults) {
  const run_options out = parse_run({"job", "command"});
  EXPECT_EQ(out.client.exp_delta, 30s);
  EXPECT_EQ(out.kill_after, 5s);
  EXPECT_EQ(out.conflict_exit_code, 124);
  EXPECT_TRUE(out.client.autorefresh);
  EXPECT_FALSE(out.wait);
  EXPECT_FALSE(out.at_least);
}

TEST(RunOptions, AtLeastIsWhatTheLibraryTakes) {
  EXPECT_EQ(parse_run({"--at-least", "8760h", "job", "x"}).at_least, 8760h);
  EXPECT_THROW((void)parse_run({"--at-least", "8761h", "job", "x"}), failure);
}

TEST(HoldOptions, AreThoseOfRunWithoutACommand) {
  const hold_options out = parse_hold({"-w5", "job", "--pid", "7", "--ttl", "2s", "-E", "9", "--end"});
  EXPECT_EQ(out.ids, words{"job"});
  EXPECT_EQ(out.pid, 7);
  EXPECT_EQ(out.wait, 5s);
  EXPECT_EQ(out.kill_after, 500ms);
  EXPECT_EQ(out.conflict_exit_code, 9);
  EXPECT_TRUE(out.end);
  EXPECT_FALSE(parse_hold({"job"}).end);
  EXPECT_EQ(parse_hold({"--id", "a", "-s", "--id", "b"}).ids, (words{"a", "b"}));
  EXPECT_THROW((void)parse_hold({"job", "command"}), failure);
}

TEST(RunOptions, TheLastOfContradictingOnesWins) {
  EXPECT_EQ(parse_run({"-n", "-w5", "job", "x"}).wait, 5s);
  EXPECT_EQ(parse_run({"-w5", "job", "-n", "x"}).wait, 0s);
}

TEST(RunOptions, KillAfterFollowsTheTtl) {
  EXPECT_EQ(parse_run({"--ttl", "2s", "job", "x"}).kill_after, 500ms);
  EXPECT_EQ(parse_run({"--exp_delta", "1h", "job", "x"}).kill_after, 5s);
  EXPECT_EQ(parse_run({"--ttl", "2s", "--kill-after", "999ms", "job", "x"}).kill_after, 999ms);
}

/// An environment variable for a scope.
class variable {
 public:
  variable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~variable() { unsetenv(name_); }
  variable(const variable&) = delete;
  variable& operator=(const variable&) = delete;

 private:
  const char* name_;
};

TEST(Environment, GivesWhatTheCommandLineDoesNot) {
  const variable db("DLOCK_DB", "theirs"), coll("DLOCK_COLL", "locks"), ttl("DLOCK_TTL", "2s");
  const run_options out = parse_run({"job", "x"});
  EXPECT_EQ(out.client.db, "theirs");
  EXPECT_EQ(out.client.coll, "locks");
  EXPECT_EQ(out.client.exp_delta, 2s);
  EXPECT_EQ(out.kill_after, 500ms);
  EXPECT_EQ(parse_elect({"job", "x"}).client.exp_delta, 2s);
  EXPECT_EQ(parse_show({"job"}).client.db, "theirs");
  EXPECT_EQ(parse_run({"--db", "mine", "--exp_delta", "7s", "job", "x"}).client.db, "mine");
  EXPECT_EQ(parse_run({"--db", "mine", "--exp_delta", "7s", "job", "x"}).client.exp_delta, 7s);
}

TEST(Environment, WhatIsWrongInItCountsOnlyIfItIsUsed) {
  const variable ttl("DLOCK_TTL", "soon");
  EXPECT_EQ(parse_run({"--ttl", "3s", "job", "x"}).client.exp_delta, 3s);
  EXPECT_TRUE(parse_run({"--help"}).help);
  EXPECT_NO_THROW((void)parse_ls({}));
  EXPECT_THROW((void)parse_run({"job", "x"}), failure);
}

TEST(RunOptions, TheLibrarysOptionsByTheirNames) {
  const run_options out =
      parse_run({"--db", "d", "--coll", "c", "--notif_url", "mongodb://n/x", "--notif_channel", "ch", "--grace", "90",
                 "--autorefresh", "false", "--wait_lock_period", "2s", "--clock_skew", "0s", "job", "x"});
  EXPECT_EQ(out.client.db, "d");
  EXPECT_EQ(out.client.coll, "c");
  EXPECT_EQ(out.client.notif_url, "mongodb://n/x");
  EXPECT_EQ(out.client.notif_channel, "ch");
  EXPECT_EQ(out.client.grace, 90s);
  EXPECT_FALSE(out.client.autorefresh);
  EXPECT_EQ(out.client.wait_lock_period, 2s);
  EXPECT_EQ(out.client.clock_skew, 0ms);
}

TEST(RunOptions, ExpiryIsByTheClockOrObserved) {
  EXPECT_EQ(parse_run({"job", "x"}).client.expiry, dlock::expiry::server_clock);
  EXPECT_EQ(parse_run({"--expiry", "clock", "job", "x"}).client.expiry, dlock::expiry::server_clock);
  EXPECT_EQ(parse_run({"--expiry", "observed", "job", "x"}).client.expiry, dlock::expiry::observed);
  EXPECT_EQ(parse_elect({"--expiry=observed", "job", "x"}).client.expiry, dlock::expiry::observed);
}

TEST(WatchOptions, IdsAndOptionsInAnyOrder) {
  const watch_options out = parse_watch({"b", "--json", "a", "--db", "x", "b", "--", "--json"});
  EXPECT_EQ(out.ids, (std::set<std::string>{"a", "b", "--json"}));
  EXPECT_TRUE(out.json);
  EXPECT_EQ(out.client.db, "x");
  EXPECT_FALSE(out.verbose);
  EXPECT_TRUE(parse_watch({}).ids.empty());
}

TEST(RunOptions, OneIdOrSeveral) {
  EXPECT_EQ(parse_run({"job", "x"}).ids, words{"job"});
  const run_options several = parse_run({"--id", "b", "-n", "--id=a", "grep", "-n", "x"});
  EXPECT_EQ(several.ids, (words{"b", "a"}));
  EXPECT_EQ(several.command, (words{"grep", "-n", "x"}));
  EXPECT_EQ(parse_run({"--id", "a", "--", "-x"}).command, words{"-x"});
  EXPECT_EQ(parse_run({"--id", "a", "-c", "exit 3"}).command.back(), "exit 3");
}

TEST(RunOptions, Modes) {
  EXPECT_EQ(parse_run({"job", "x"}).mode, lock_mode::exclusive);
  EXPECT_EQ(parse_run({"-x", "job", "x"}).mode, lock_mode::exclusive);
  EXPECT_EQ(parse_run({"job", "--exclusive", "x"}).mode, lock_mode::exclusive);
  EXPECT_EQ(parse_run({"-ns", "job", "x"}).mode, lock_mode::shared);
  EXPECT_EQ(parse_run({"--shared", "job", "x"}).mode, lock_mode::shared);
  const run_options one = parse_run({"--permits", "8", "job", "x"});
  EXPECT_EQ(one.mode, lock_mode::permits);
  EXPECT_EQ(one.permits, 8);
  EXPECT_EQ(one.take, 1);
  EXPECT_EQ(parse_run({"--take=8", "--permits", "8", "job", "x"}).take, 8);
}

TEST(RunOptions, NoteAndTimes) {
  const run_options out = parse_run({"--note", "for the board", "--at-most", "90s", "job", "x"});
  EXPECT_EQ(out.note, "for the board");
  EXPECT_EQ(out.at_most, 90s);
  EXPECT_TRUE(out.history);
  EXPECT_FALSE(out.unless_done_within);
  EXPECT_FALSE(parse_run({"--history", "no", "job", "x"}).history);
  const run_options once = parse_run({"--unless-done-within", "20h", "--done-exit-code=7", "job", "x"});
  EXPECT_EQ(once.unless_done_within, 20h);
  EXPECT_EQ(once.done_exit_code, 7);
  EXPECT_EQ(parse_run({"--unless-done-within", "20h", "job", "x"}).done_exit_code, 0);
}

TEST(NoteOptions, ComeFromTheEnvironmentOfTheCommand) {
  EXPECT_THROW((void)parse_note({"text"}), failure);
  {
    const variable id("DLOCK_ID", "job"), owner("DLOCK_OWNER", "me"), db("DLOCK_AT_DB", "theirs"),
        general("DLOCK_DB", "general"), coll("DLOCK_COLL", "locks"), url("DLOCK_AT_URL", "mongodb://h");
    const note_options out = parse_note({"some text"});
    EXPECT_EQ(out.text, "some text");
    ASSERT_EQ(out.locks.size(), 1U);
    EXPECT_EQ(out.locks[0].id, "job");
    EXPECT_EQ(out.locks[0].owner, "me");
    EXPECT_EQ(out.client.db, "theirs");
    EXPECT_EQ(out.client.coll, "locks");
    EXPECT_EQ(out.url, "mongodb://h");
    EXPECT_EQ(parse_note({"--db", "mine", "text"}).client.db, "mine");
    EXPECT_EQ(parse_note({"--url-file", "f", "text"}).url, std::nullopt);
    EXPECT_EQ(parse_note({"--", "-v"}).text, "-v");
  }
  const variable one("DLOCK_ID_1", "a"), its("DLOCK_OWNER_1", "x"), two("DLOCK_ID_2", "b"),
      theirs("DLOCK_OWNER_2", "y"), none("DLOCK_ID_3", "c"), file("DLOCK_AT_URL_FILE", "/etc/dlock.url");
  const note_options out = parse_note({""});
  ASSERT_EQ(out.locks.size(), 2U);
  EXPECT_EQ(out.locks[1].id, "b");
  EXPECT_EQ(out.locks[1].owner, "y");
  EXPECT_EQ(out.url_file, "/etc/dlock.url");
}

TEST(ResizeOptions, AnIdAndANumber) {
  const resize_options out = parse_resize({"slots", "--db", "x", "12"});
  EXPECT_EQ(out.id, "slots");
  EXPECT_EQ(out.permits, 12);
  EXPECT_EQ(out.client.db, "x");
}

TEST(ElectOptions, DefaultsAndValues) {
  const elect_options plain = parse_elect({"cluster", "--once", "--", "x", "--once"});
  EXPECT_EQ(plain.id, "cluster");
  EXPECT_TRUE(plain.once);
  EXPECT_EQ(plain.command, (words{"x", "--once"}));
  EXPECT_EQ(plain.client.exp_delta, 30s);
  EXPECT_TRUE(plain.value.ends_with(":" + std::to_string(getpid())));
  EXPECT_EQ(parse_elect({"--value", "", "cluster", "x"}).value, "");
  EXPECT_EQ(parse_elect({"--value=a:1", "cluster", "x"}).value, "a:1");
}

TEST(InspectOptions, Ls) {
  const ls_options out = parse_ls({"--prefix", "a/", "-a", "--json", "--coll", "c"});
  EXPECT_EQ(out.prefix, "a/");
  EXPECT_TRUE(out.all && out.json);
  EXPECT_EQ(out.client.coll, "c");
  EXPECT_FALSE(parse_ls({}).all);
}

TEST(InspectOptions, ShowAndRelease) {
  EXPECT_EQ(parse_show({"--json", "job"}).id, "job");
  EXPECT_EQ(parse_show({"--", "--json"}).id, "--json");
  const release_options out = parse_release({"job", "--force", "--token", "1795474817437000", "--now", "-y"});
  EXPECT_EQ(out.id, "job");
  EXPECT_EQ(out.token, 1795474817437000);
  EXPECT_TRUE(out.now && out.yes);
}

}  // namespace
}  // namespace dlock::cli
