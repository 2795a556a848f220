#include "util/text.hpp"

#include <bson/bson.h>

namespace dlock {

std::string quoted(std::string_view id) {
  constexpr std::size_t kLongest = 100;
  std::string out = "\"";
  for (const char c : id.substr(0, kLongest)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7f ? '?' : c;
  }
  return out + (id.size() > kLongest ? "...\"" : "\"");
}

bool is_plain_utf8(std::string_view text) {
  return bson_utf8_validate(text.data(), text.size(), false);
}

}  // namespace dlock
