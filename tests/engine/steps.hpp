#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <sstream>
#include <string>

namespace dlock::engine {

/// Plays lines like "0 add a b | take -> a b (why) | next -> never": `carry_out` gets the words of a step, and returns
/// what must stand behind its arrow, if it has one. `nothing` is nothing. What stands in brackets says why.
inline void play_steps(const std::string& text, const std::function<std::string(std::istringstream&)>& carry_out) {
  std::string step;
  for (std::size_t at = 0; at < text.size(); at += step.size() + 3) {
    step = text.substr(at, text.find(" | ", at) - at);
    const auto arrow = step.find(" -> ");
    auto expected = arrow == std::string::npos ? "" : step.substr(arrow + 4);
    if (const auto why = expected.find(" ("); why != std::string::npos) expected.resize(why);
    std::istringstream words(step.substr(0, arrow));
    auto got = carry_out(words);
    if (got.ends_with(", ")) got.resize(got.size() - 2);
    if (!expected.empty()) {
      EXPECT_EQ(got.empty() ? "nothing" : got, expected) << step << "\nin: " << text;
    }
  }
}

}  // namespace dlock::engine
