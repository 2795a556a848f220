#include "lock_id.hpp"

#include <cstddef>

#include "text.hpp"

namespace dlock::cli {

void check_id(std::string_view id) {
  if (id.empty()) throw failure("the ID of the lock is empty; give it a name");
  if (id.size() > 1000) {
    throw failure("the ID of the lock has " + std::to_string(id.size()) + " bytes; give one of at most 1,000");
  }
  for (std::string_view rest = id; !rest.empty();) {
    const std::size_t size = utf8_character(rest);
    if (size == 0) throw failure("the ID of the lock, " + quoted(id) + ", is not valid UTF-8; give another one");
    rest.remove_prefix(size);
  }
}

}  // namespace dlock::cli
