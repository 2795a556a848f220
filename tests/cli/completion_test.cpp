#include "completion.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "verbs.hpp"

namespace dlock::cli {
namespace {

using line = std::vector<std::string>;

completion at(const line& typed) {
  return complete(all_manuals(), typed);
}

line words_at(const line& typed) {
  line out;
  const completion found = at(typed);
  EXPECT_EQ(found.what, completion::kind::words);
  for (const completion::word& each : found.words) out.push_back(found.before + each.text);
  return out;
}

bool offers(const line& typed, const std::string& word) {
  const line all = words_at(typed);
  return std::find(all.begin(), all.end(), word) != all.end();
}

TEST(Completion, OfVerbs) {
  EXPECT_EQ(words_at({"r"}), (line{"run", "release", "resize"}));
  EXPECT_EQ(words_at({"--v"}), (line{"--version"}));
  EXPECT_EQ(words_at({""}).size(), all_verbs().size());
  EXPECT_EQ(words_at({"walk", ""}), line{});
  EXPECT_EQ(words_at({}), line{});
}

TEST(Completion, OfEachOptionOfEachVerb) {
  for (const manual& verb : all_manuals()) {
    for (const option& o : verb.options) {
      EXPECT_TRUE(offers({std::string(verb.verb), "-"}, std::string("--") + o.name)) << verb.verb;
      if (o.letter != 0) {
        EXPECT_TRUE(offers({std::string(verb.verb), "-"}, {'-', o.letter})) << verb.verb;
      }
      if (*o.alias != '\0') {
        EXPECT_EQ(words_at({std::string(verb.verb), std::string("--") + o.alias}).size(), 1u) << o.alias;
      }
    }
  }
  EXPECT_EQ(words_at({"run", "--no"}), (line{"--nonblock", "--note", "--notif_url", "--notif_channel"}));
  EXPECT_FALSE(offers({"ls", "-"}, "--ttl"));
}

TEST(Completion, OfValues) {
  EXPECT_EQ(words_at({"run", "--expiry", ""}), (line{"clock", "observed"}));
  EXPECT_EQ(words_at({"run", "--expiry=o"}), (line{"--expiry=observed"}));
  EXPECT_EQ(words_at({"run", "--autorefresh", "t"}), (line{"true"}));
  EXPECT_EQ(words_at({"run", "--ttl", ""}), line{}) << "nobody knows a number";
  EXPECT_EQ(at({"ls", "--url-file", "/et"}).what, completion::kind::files);
  EXPECT_EQ(at({"run", "--id", "nig"}).what, completion::kind::ids);
  EXPECT_EQ(at({"run", "--id=nig"}).prefix, "nig");
  EXPECT_EQ(at({"run", "--id=nig"}).before, "--id=");
  EXPECT_EQ(words_at({"completion", "z"}), (line{"zsh"}));
}

TEST(Completion, OfIdsAndCommands) {
  EXPECT_EQ(at({"run", "nig"}).what, completion::kind::ids);
  EXPECT_EQ(at({"run", "nig"}).prefix, "nig");
  EXPECT_EQ(at({"run", "-nw5", "--ttl", "5s", "--", ""}).what, completion::kind::ids);
  EXPECT_EQ(at({"run", "job", ""}).what, completion::kind::command);
  EXPECT_EQ(at({"run", "job", ""}).command_at, 2u);
  EXPECT_EQ(at({"run", "-w", "5", "job", "--", "ls", "-"}).command_at, 5u);
  EXPECT_EQ(at({"run", "--id", "a", "--id=b", "make", "x"}).command_at, 4u);
  EXPECT_EQ(at({"elect", "job", "gr"}).command_at, 2u);
  EXPECT_TRUE(offers({"run", "job", "-"}, "--ttl")) << "options may follow the ID";
  EXPECT_EQ(words_at({"run", "job", "-c", "ls", ""}), line{}) << "-c is the command";
  EXPECT_EQ(at({"watch", "a", ""}).what, completion::kind::ids);
  EXPECT_EQ(at({"show", ""}).what, completion::kind::ids);
  EXPECT_EQ(words_at({"ls", ""}), line{});
}

TEST(Completion, IdsComeFromTheServerOfTheLine) {
  EXPECT_EQ(at({"run", "--db", "theirs", "--url=mongodb://h", "-w", "5", ""}).of_the_server,
            (line{"--db", "theirs", "--url", "mongodb://h"}));
  EXPECT_EQ(at({"show", "--url-file", "f", ""}).of_the_server, (line{"--url-file", "f"}));
}

}  // namespace
}  // namespace dlock::cli
