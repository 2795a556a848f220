#include "util/text.hpp"

#include <bson/bson.h>

#include <dlock/text.hpp>

namespace dlock {

std::string in_quotes(std::string_view id) {
  constexpr std::size_t kLongest = 100;
  if (id.size() <= kLongest) return "\"" + printable(id) + "\"";
  std::size_t size = kLongest;
  while (size > kLongest - 3 && (static_cast<unsigned char>(id[size]) & 0xc0U) == 0x80) --size;  // cuts no character
  return "\"" + printable(id.substr(0, size)) + "...\"";
}

bool is_plain_utf8(std::string_view text) {
  return bson_utf8_validate(text.data(), text.size(), false);
}

}  // namespace dlock
