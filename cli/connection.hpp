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

/// The options that all verbs that use a server have.
struct connection_options {
  dlock::client_options client;  ///< Everything except the server's URL.
  std::optional<std::string> url;
  std::optional<std::string> url_file;
  bool verbose = false;  ///< If set, client.log is set, too.
  std::optional<std::chrono::milliseconds> connect_timeout;
  bool help = false;  ///< Only the help was asked for. Nothing else is filled in.

  /// Returns `client` with the URL, which may contain a password. So fork the processes that do not need the password
  /// before you call this. Throws failure. Reads DLOCK_URL. The first contact may take until `deadline`, if there is
  /// one, but no longer than the time that the user gave.
  [[nodiscard]] dlock::client_options client_with_url(std::optional<boot_clock::time_point> deadline = {}) const;
};

/// The arguments of these options as they were typed. finish() computes what depends on several of them.
class connection_arguments {
 public:
  explicit connection_arguments(connection_options& out) : out_(out) {}

  /// The table of options: `first`, those of the server, `last`, and --help. It must not outlive this object.
  [[nodiscard]] std::vector<option> table(std::vector<option> first, std::vector<option> last = {});

  /// Call it after all options were taken. If there may be a password, core dumps are switched off from here on,
  /// because a core dump would contain it.
  void finish();

 private:
  connection_options& out_;
};

/// The part that the help texts of these verbs share.
inline constexpr std::string_view help_on_servers =
    "Name the server by --url, by --url-file or by the environment variable DLOCK_URL. DLOCK_DB and DLOCK_COLL stand\n"
    "for --db and --coll. The command line wins over the environment.\n";

/// Chooses the connection string from --url, --url-file and DLOCK_URL (null: unset). None: the default of the library.
/// Throws failure, and its text never contains a password.
[[nodiscard]] std::optional<std::string> choose_url(const std::optional<std::string>& url,
                                                    const std::optional<std::string>& url_file,
                                                    const char* environment);

}  // namespace dlock::cli
