#include "util/identity.hpp"

#include <errno.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include <array>

namespace dlock {

std::string fresh_uuid() {
  uuid_t raw;
  uuid_generate_random(raw);
  std::array<char, UUID_STR_LEN> text{};
  uuid_unparse_lower(raw, text.data());
  return text.data();
}

std::string default_who() {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host = {"?"};
  return std::string(host.data()) + ":" + std::to_string(getpid()) + " " + program_invocation_short_name;
}

}  // namespace dlock
