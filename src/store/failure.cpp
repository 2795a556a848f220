#include "store/failure.hpp"

#include <algorithm>
#include <array>

namespace dlock {
namespace {

constexpr int kUnauthorized = 13;
constexpr int kAuthenticationFailed = 18;

/// The server could not do it now: elections, shutdowns, interruptions, time limits, conflicts.
constexpr std::array kTransient{6,   7,   24,  46,  50,  64,   89,    91,    112,   133,   134,   175,   189,  202,
                                262, 279, 290, 358, 365, 9001, 10107, 11000, 11600, 11601, 11602, 13435, 13436};
/// Of these, the ones that mean that nothing was executed.
constexpr std::array kNotExecuted{10107, 13435, 13436};

bool is_one_of(int code, const auto& list) {
  return std::find(list.begin(), list.end(), code) != list.end();
}

answer from_server(int code, std::string why) {
  answer a;
  a.server_code = code;
  a.why = std::move(why);
  if (is_one_of(code, kTransient)) {
    a.what = answer::kind::no_answer;
    a.in_doubt = !is_one_of(code, kNotExecuted);
    return a;
  }
  a.what = answer::kind::refused;
  a.code = code == kUnauthorized           ? errc::not_authorized
           : code == kAuthenticationFailed ? errc::authentication
                                           : errc::server;
  a.in_doubt = a.code == errc::server;
  return a;
}

}  // namespace

answer failure(const bson_error_t& e, const redactor& redact) {
  const std::string why = redact(e.message);
  const int code = static_cast<int>(e.code);
  answer a;
  a.why = why;
  switch (e.domain) {
    case MONGOC_ERROR_SERVER:
      return from_server(code, why);
    case MONGOC_ERROR_WRITE_CONCERN:
      a.in_doubt = true;
      return a;
    case MONGOC_ERROR_SCRAM:
    case MONGOC_ERROR_SASL:
      a.what = answer::kind::refused;
      a.code = errc::authentication;
      return a;
    case MONGOC_ERROR_CLIENT:
      // The driver calls a connection that breaks during the login a failed login, too; only its text tells.
      if (code == MONGOC_ERROR_CLIENT_AUTHENTICATE && why.find("socket error or timeout") == std::string::npos) {
        a.what = answer::kind::refused;
        a.code = errc::authentication;
      }
      return a;
    case MONGOC_ERROR_SERVER_SELECTION:  // nothing was sent
      if (code == MONGOC_ERROR_SERVER_SELECTION_BAD_WIRE_VERSION) {
        a.what = answer::kind::refused;
        a.code = errc::unsupported_server;
      }
      return a;
    case MONGOC_ERROR_PROTOCOL:
      if (code == MONGOC_ERROR_PROTOCOL_BAD_WIRE_VERSION) {
        a.what = answer::kind::refused;
        a.code = errc::unsupported_server;
        return a;
      }
      a.in_doubt = true;
      return a;
    case MONGOC_ERROR_STREAM:
      a.in_doubt = true;
      return a;
    default:
      a.what = answer::kind::refused;
      a.code = errc::server;
      a.in_doubt = true;
      return a;
  }
}

bool has_write_concern_error(const bson_t* server_reply, std::string* why) {
  bson_iter_t it, message;
  if (!bson_iter_init_find(&it, server_reply, "writeConcernError")) return false;
  *why = "acknowledged by less than a majority";
  if (bson_iter_recurse(&it, &message) && bson_iter_find(&message, "errmsg") && BSON_ITER_HOLDS_UTF8(&message)) {
    *why += std::string(": ") + bson_iter_utf8(&message, nullptr);
  }
  return true;
}

}  // namespace dlock
