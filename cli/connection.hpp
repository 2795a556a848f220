#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <dlock/clock.hpp>
#include <dlock/options.hpp>

#include "arguments.hpp"

namespace dlock::cli {

/// What the verbs that talk to a server have in common.
struct connection_options {
  dlock::client_options client;  ///< But for the server's URL.
  std::optional<std::string> url;
  std::optional<std::string> url_file;
  bool verbose = false;  ///< client.log is set, then.
  std::optional<std::chrono::milliseconds> connect_timeout;

  /// `client` with the URL, which may hold a password: to be asked once what need not know that has been forked. Throws
  /// failure. Looks at DLOCK_URL. The first contact has until `deadline`, if there is one, and no longer than was asked
  /// for.
  [[nodiscard]] dlock::client_options client_with_url(std::optional<boot_clock::time_point> deadline = {}) const;
};

/// The arguments of those options as they are typed; what depends on several of them is worked out at the end.
class connection_arguments {
 public:
  explicit connection_arguments(connection_options& out) : out_(out) {}

  /// What they are called and do. The table must not outlive this.
  [[nodiscard]] std::vector<option> table();

  /// Once all are taken. From here on, if there may be a password, nobody gets a core dump, which would hold it.
  void finish();

 private:
  connection_options& out_;
};

/// The part that the help texts of these verbs share.
inline constexpr std::string_view help_on_servers =
    "Name the server by --url, by --url-file or by the environment variable DLOCK_URL. The command line wins over\n"
    "DLOCK_URL.\n";

}  // namespace dlock::cli
