#include <gtest/gtest.h>

#include <map>
#include <string>

#include "http_text.hpp"
#include "listening.hpp"
#include "text.hpp"

namespace dlock::cli {
namespace {

using query = std::map<std::string, std::string>;

TEST(HttpTarget, PathAndQueryAreDecoded) {
  EXPECT_EQ(parse_target("/")->path, "/");
  EXPECT_EQ(parse_target("/metrics?")->path, "/metrics");
  EXPECT_EQ(parse_target("/a+b%2Fc%20%c3%a4")->path, "/a+b/c \xc3\xa4");
  EXPECT_EQ(parse_target("/x?id=a%26b+c&id=2&empty=&bare&=")->query,
            (query{{"id", "a&b c"}, {"empty", ""}, {"bare", ""}, {"", ""}}));
  EXPECT_EQ(parse_target("/?a=b?c=d")->query, (query{{"a", "b?c=d"}}));
}

TEST(HttpTarget, WhatIsNoTargetIsRefused) {
  for (const char* target : {"", "*", "http://127.0.0.1/", "x", "/%", "/%2", "/%zz", "/%00", "/?a=%0", "/?%00=b"}) {
    EXPECT_FALSE(parse_target(target)) << target;
  }
}

TEST(HttpHost, NameWithoutPort) {
  for (const auto& [header, name] : std::map<std::string, std::string>{{"localhost", "localhost"},
                                                                       {"LocalHost:9170", "localhost"},
                                                                       {"127.0.0.1:1", "127.0.0.1"},
                                                                       {"[::1]", "::1"},
                                                                       {"[::1]:9170", "::1"},
                                                                       {"", ""},
                                                                       {":80", ""},
                                                                       {"a:b", ""},
                                                                       {"a:1:2", ""},
                                                                       {"[::1", ""},
                                                                       {"[::1]x", ""},
                                                                       {"127.0.0.1:80@evil.example", ""}}) {
    EXPECT_EQ(host_name(header), name) << header;
  }
}

TEST(HttpToken, OnlyTheWholeTokenIsRight) {
  const std::string token = "0123456789abcdef";
  EXPECT_TRUE(is_bearer("Bearer " + token, token));
  EXPECT_TRUE(is_bearer("bearer " + token, token));
  for (const std::string header :
       {"", "Bearer", "Bearer ", "Basic 0123456789abcdef", "0123456789abcdef", "Bearer 0123456789abcde",
        "Bearer 0123456789abcdef0", "Bearer 0123456789abcdefx0123456789abcde", "Bearer 0123456789abcdeF",
        "Bearer  0123456789abcdef", "Bearer 0123456789abcdef0123456789abcdef"}) {
    EXPECT_FALSE(is_bearer(header, token)) << header;
  }
  EXPECT_FALSE(is_bearer("Bearer ", "")) << "no token opens nothing";
}

TEST(Listening, AddressesOfThisMachineNeedNoToken) {
  for (const auto& [given, address] : std::map<std::string, std::string>{{"127.0.0.1:9170", "127.0.0.1"},
                                                                         {"127.9.9.9:0", "127.9.9.9"},
                                                                         {"localhost:65535", "127.0.0.1"},
                                                                         {"[::1]:1", "::1"}}) {
    EXPECT_EQ(listening_arguments(given).finish().address, address) << given;
  }
  for (const char* given : {"0.0.0.0:80", "[::]:80", "192.0.2.1:80", "[2001:db8::1]:80"}) {
    try {
      (void)listening_arguments(given).finish();
      ADD_FAILURE() << given;
    } catch (const failure& why) {
      EXPECT_NE(std::string(why.what()).find("--token-file"), std::string::npos) << why.what();
    }
  }
}

}  // namespace
}  // namespace dlock::cli
