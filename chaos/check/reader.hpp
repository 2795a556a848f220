#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "history.hpp"

namespace dlock::chaos {

/// Takes a history in line by line. Throws `unusable` for what is no event; the caller says where that was.
class reader {
 public:
  /// The lines that follow are of this file.
  void begin_file(const std::string& name);
  /// A whole line, without its end. `last`: of its file, where half a line is what a killed process leaves.
  void take(std::string_view line, bool last);
  /// config.json
  void take_config(std::string_view text);
  [[nodiscard]] history finish() &&;

 private:
  history history_;
  std::uint32_t line_ = 0;
  std::unordered_map<std::string, std::size_t> open_;  // process and number of a call -> its place in `calls`

  friend struct event_taker;
};

}  // namespace dlock::chaos
