#include "store/failure.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace dlock {
namespace {

constexpr int kUnauthorized = 13;
constexpr int kAuthenticationFailed = 18;

/// The server could not execute it now: elections, shutdowns, interruptions, time limits, conflicts.
constexpr std::array kTransient{6,   7,   24,  46,  50,  64,   89,    91,    112,   133,   134,   175,   189,  202,
                                262, 279, 290, 358, 365, 9001, 10107, 11000, 11600, 11601, 11602, 13435, 13436};
/// Of these, the ones that mean that nothing was executed.
constexpr std::array kNotExecuted{10107, 11000, 13435, 13436};

/// The driver says these only in words.
constexpr std::string_view kUntrusted = "certificate verify failed";
constexpr std::string_view kNoTls = "Failed initialize TLS state";
constexpr std::string_view kOtherSet = "reported set name '";  // of a direct connection

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

bool is_one_of(int code, const auto& list) {
  return std::find(list.begin(), list.end(), code) != list.end();
}

/// The server's text for Unauthorized, without the arguments of the command.
std::string shortened(std::string why) {
  const auto command = why.find(" command { ");
  const auto arguments = command == std::string::npos ? command : why.find(", ", command);
  return arguments == std::string::npos ? why : why.substr(0, arguments) + ", ... }";
}

/// The driver calls every failure during a login a failed login, also a broken connection or a server that shuts down.
/// Only the text tells them apart. To report a wrong password as an outage is better than to report an outage as a
/// wrong password.
bool is_about_credentials(std::string_view why) {
  constexpr std::array kNetwork{"Failed to send", "socket error", "closed"};
  constexpr std::array kCredentials{"uthenticat", "redential", "echanism", "sername", "assword", "SCRAM", "base64"};
  const auto says = [&](std::string_view part) { return why.find(part) != std::string_view::npos; };
  return std::any_of(kCredentials.begin(), kCredentials.end(), says) &&
         std::none_of(kNetwork.begin(), kNetwork.end(), says);
}

answer from_server(int code, std::string why) {
  answer a;
  a.server_code = code;
  a.why = code == kUnauthorized ? shortened(std::move(why)) : std::move(why);
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
      if (code == MONGOC_ERROR_CLIENT_AUTHENTICATE && is_about_credentials(why)) {
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

answer at_first_contact(answer a, const mongoc_uri_t* uri, std::size_t heard) {
  if (a.what != answer::kind::no_answer) return a;
  std::size_t servers = 0;
  for (const auto* h = mongoc_uri_get_hosts(uri); h != nullptr; h = h->next) ++servers;
  const auto all = [&](std::string_view problem) {
    return count(a.why, problem) >= std::max<std::size_t>({servers, heard, 1});
  };
  const bool untrusted = all(kUntrusted);
  if (!untrusted && !all(kNoTls) && !all(of_another_set) && !all(kOtherSet)) return a;
  a.what = answer::kind::refused;
  a.code = untrusted ? errc::authentication : errc::invalid_argument;
  return a;
}

std::string advice(const answer& a, const mongoc_uri_t* uri) {
  const auto says = [&](std::string_view part) { return count(a.why, part) > 0; };
  if (says("hostname mismatch") || says("IP address mismatch")) {
    return "write the hosts in the URL, and in the replica set's configuration, as their certificates do";
  }
  if (says(kUntrusted)) return "name the CA of the server's certificate in the URL: tlsCAFile=FILE";
  if (says(kNoTls)) {
    return "check the files that tlsCAFile and tlsCertificateKeyFile name, and tlsCertificateKeyFilePassword";
  }
  if (says(of_another_set) || says(kOtherSet)) return "write replicaSet in the URL as the servers have it";
  switch (a.code) {
    case errc::authentication:
      return "check user, password and authSource in the URL";
    case errc::not_authorized:
      return "grant find, insert, update, createIndex and listIndexes";
    case errc::unsupported_server:
      return "upgrade the server";
    case errc::server:
      return "see the server's message";
    default:
      break;
  }
  const std::string check = "check that it is up and that the URL names it";
  if (says("TLS handshake failed")) return check + ", and that it accepts TLS";
  // The driver's words for a closed and for a reset connection. Which of them comes depends on the timing.
  const bool hung_up = says("connection closed") || says("closed connection") || says("socket error or timeout") ||
                       says("unknown socket error");
  return hung_up && !mongoc_uri_get_tls(uri) ? check + ", with tls=true if it accepts only TLS" : check;
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
