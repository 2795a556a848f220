#include "lock_id.hpp"

#include <string>

#include "text.hpp"
#include "util/utf8.hpp"

namespace dlock::cli {

namespace {

std::string with_commas(std::size_t number) {
  std::string out = std::to_string(number);
  if (out.size() > 3) out.insert(out.size() - 3, ",");
  return out;
}

}  // namespace

void check_utf8(std::string_view what, std::string_view text, std::size_t most) {
  const std::string name(what);
  if (text.size() > most) {
    throw failure(name + " has " + std::to_string(text.size()) + " bytes; give one of at most " + with_commas(most));
  }
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t size = utf8_character(rest);
    if (size == 0) throw failure(name + ", " + in_quotes(text) + ", is not valid UTF-8; give another one");
    rest.remove_prefix(size);
  }
}

void check_id(std::string_view id) {
  if (id.empty()) throw failure("the ID of the lock is empty; give it a name");
  check_utf8("the ID of the lock", id, 1000);
}

}  // namespace dlock::cli
