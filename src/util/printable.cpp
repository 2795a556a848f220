#include <dlock/text.hpp>

#include <algorithm>
#include <array>
#include <cstdio>

#include "util/utf8.hpp"

namespace dlock {
namespace {

struct characters {
  char32_t first, last;
};

/// Unicode 15: the categories Cc, Zl, Zp and Cf (without the few visible signs of Cf), and all characters with the
/// property Default_Ignorable_Code_Point. Sorted.
constexpr std::array kUnprintable{
    characters{0x0000, 0x001f},    // controls
    characters{0x007f, 0x009f},    // DEL, and controls: U+009B is ESC [
    characters{0x00ad, 0x00ad},    // soft hyphen
    characters{0x034f, 0x034f},    // combining grapheme joiner
    characters{0x061c, 0x061c},    // Arabic letter mark: changes the direction
    characters{0x115f, 0x1160},    // Hangul fillers
    characters{0x17b4, 0x17b5},    // Khmer vowels that are invisible
    characters{0x180b, 0x180f},    // Mongolian selectors and separator
    characters{0x200b, 0x200f},    // zero width; marks that change the direction
    characters{0x2028, 0x202e},    // line separators; embeddings and overrides
    characters{0x2060, 0x206f},    // word joiner, invisible operators, isolates
    characters{0x3164, 0x3164},    // Hangul filler
    characters{0xfe00, 0xfe0f},    // variation selectors
    characters{0xfeff, 0xfeff},    // byte order mark
    characters{0xffa0, 0xffa0},    // halfwidth Hangul filler
    characters{0xfff0, 0xfffb},    // unassigned specials, interlinear annotation
    characters{0x13430, 0x1343f},  // Egyptian format controls
    characters{0x1bca0, 0x1bca3},  // shorthand format controls
    characters{0x1d173, 0x1d17a},  // musical format controls
    characters{0xe0000, 0xe0fff},  // tags, variation selectors
};

/// The code point of one valid UTF-8 character.
char32_t code_point(std::string_view character) {
  const auto first = static_cast<unsigned char>(character.front());
  if (character.size() == 1) return first;
  char32_t out = first & (0xffU >> (character.size() + 1));
  for (const char c : character.substr(1)) out = out << 6U | (static_cast<unsigned char>(c) & 0x3fU);
  return out;
}

bool is_unprintable(char32_t c) {
  return std::any_of(kUnprintable.begin(), kUnprintable.end(),
                     [&](const characters& range) { return range.first <= c && c <= range.last; });
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = utf8_character(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(size, 1));
    text.remove_prefix(character.size());
    if (size != 0 && !is_unprintable(code_point(character))) {
      out += character;
      continue;
    }
    for (const char c : character) {
      std::array<char, 5> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "\\x%02x", static_cast<unsigned char>(c));
      out += escaped.data();
    }
  }
  return out;
}

}  // namespace dlock
