// Connection strings, well formed or not: no refusal shows the password.
#include <mongoc/mongoc.h>

#include <string>

#include <dlock/error.hpp>

#include "connection.hpp"
#include "fuzz.hpp"
#include "secrets.hpp"
#include "store/connection_string.hpp"
#include "text.hpp"

namespace {

const std::string secret = "Tr0ub4dor";

void require_secret_kept(std::string_view text) {
  require(text.find(secret) == std::string_view::npos, "no password is shown");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool quiet =
      (mongoc_log_set_handler(nullptr, nullptr), true);  // of its warnings there would be thousands
  (void)quiet;
  const std::string typed(as_text(data, size));
  if (typed.find(secret) != std::string::npos) return 0;  // it would be no secret
  (void)dlock::cli::without_secrets(typed);
  (void)dlock::cli::has_password(typed);
  const std::string url = "mongodb://me:" + secret + "@" + typed;
  require(dlock::cli::has_password(url), "a password is seen");
  require_secret_kept(dlock::cli::without_secrets(url));
  require_secret_kept(dlock::cli::quoted_input(url));
  require_secret_kept(dlock::cli::quoted_input(url.substr(10)));
  const dlock::redactor redact(url);
  for (const auto& said : {url, secret, typed + secret + typed, secret + "@" + typed}) {  // by the driver
    const auto told = redact(said);
    require_secret_kept(told);
    require(told.size() <= 16 * (said.size() + 1), "what is told is not much longer");
  }
  for (const auto& one : {typed, url}) {
    try {
      const auto uri = dlock::parse_connection_string(one, "url");
      require_secret_kept(dlock::hosts_of(uri.get()));
      dlock::harden(uri.get(), 1500);
    } catch (const dlock::error& e) {
      require_secret_kept(e.what());
    }
  }
  try {
    (void)dlock::cli::choose_url(url, std::nullopt, nullptr);
  } catch (const dlock::cli::failure& e) {
    require_secret_kept(e.what());
  }
  return 0;
}
