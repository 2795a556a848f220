#include <dlock/error.hpp>
#include <dlock/text.hpp>
#include <dlock/version.hpp>

#define DLOCK_TEXT_(x) #x
#define DLOCK_TEXT(x) DLOCK_TEXT_(x)

namespace dlock {

error::error(errc code, const std::string& what, traits properties)
    : std::runtime_error(printable(what)), code_(code), properties_(properties) {}

const char* to_string(errc code) noexcept {
  switch (code) {
    case errc::invalid_argument:
      return "invalid_argument";
    case errc::unavailable:
      return "unavailable";
    case errc::authentication:
      return "authentication";
    case errc::not_authorized:
      return "not_authorized";
    case errc::unsupported_server:
      return "unsupported_server";
    case errc::not_a_lock:
      return "not_a_lock";
    case errc::configuration:
      return "configuration";
    case errc::closed:
      return "closed";
    case errc::forked:
      return "forked";
    case errc::server:
      return "server";
    case errc::not_acquired:
      return "not_acquired";
    case errc::not_held:
      return "not_held";
  }
  return "unknown";
}

const char* version() noexcept {
  return DLOCK_TEXT(DLOCK_VERSION_MAJOR) "." DLOCK_TEXT(DLOCK_VERSION_MINOR) "." DLOCK_TEXT(DLOCK_VERSION_PATCH);
}

}  // namespace dlock
