#pragma once

#include <cstddef>
#include <string_view>

namespace dlock {

/// The length of the UTF-8 character at the start of `text`; 0 if there is no valid one.
[[nodiscard]] inline std::size_t utf8_character(std::string_view text) {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const unsigned first = at(0);
  if (text.empty() || first > 0xf4) return 0;
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : 4;
  if (first < 0xc2) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((at(i) & 0xc0U) != 0x80) return 0;
  }
  // An overlong form, one half of a UTF-16 pair, or beyond Unicode.
  const bool bad = (first == 0xe0 && at(1) < 0xa0) || (first == 0xed && at(1) >= 0xa0) ||
                   (first == 0xf0 && at(1) < 0x90) || (first == 0xf4 && at(1) >= 0x90);
  return bad ? 0 : size;
}

}  // namespace dlock
