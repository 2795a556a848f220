#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arguments.hpp"
#include "http_server.hpp"
#include "signals.hpp"

namespace dlock::cli {

/// The options of verbs that listen: --listen, --token-file and --host.
class listening_arguments {
 public:
  /// `usual`: the address and port without --listen. Empty: the verb does not listen then.
  explicit listening_arguments(std::string usual = {}) : address_(std::move(usual)) {}

  /// The table of options. It must not outlive this object. `about`: the help of --listen.
  [[nodiscard]] std::vector<option> table(std::string_view about);
  [[nodiscard]] bool is_listening() const { return !address_.empty(); }

  /// Call it after all options were taken. Reads the token. Throws failure if other machines can reach the address and
  /// there is no token, or if the token cannot be used.
  [[nodiscard]] http_options finish();

  /// Says on stderr where the server listens, and whether others can listen, too. Only after finish().
  void announce(const http_server& server, std::string_view path) const;

 private:
  std::string address_;
  bool is_local_ = true;
  std::optional<std::string> token_file_;
  std::vector<std::string> hosts_;
};

/// The part that the help texts of these verbs share.
inline constexpr std::string_view help_on_listening =
    "Only this machine can reach 127.0.0.1. Any other ADDRESS needs --token-file, and then each request must have the\n"
    "header 'Authorization: Bearer TOKEN'. Nothing is encrypted: put TLS in front, or use an SSH tunnel.\n";

/// Starts the server, and serves until a signal ends dlock. INT and TERM: the status is 0. Any other signal ends dlock
/// as if dlock did not catch it. `caught` must be older than any thread.
[[noreturn]] void serve_until_signal(signals& caught, http_server& server);

}  // namespace dlock::cli
