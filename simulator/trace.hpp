#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "simulator/agenda.hpp"

namespace dlock::simulator {

/// What has happened, one line for each event, for people. There is also a sum over all lines, to compare two runs.
class trace {
 public:
  enum class mode { off, sum, print };
  explicit trace(mode how = mode::off) noexcept : how_(how) {}

  /// `text` makes the text. It is called only if somebody needs the text.
  template <typename Text>
  void tell(tick when, std::string_view who, const Text& text) {
    if (how_ != mode::off) write(when, who, text());
  }
  [[nodiscard]] std::uint64_t sum() const noexcept { return sum_; }

 private:
  void write(tick when, std::string_view who, const std::string& text);

  mode how_;
  std::uint64_t sum_ = 0xcbf29ce484222325U;
};

}  // namespace dlock::simulator
