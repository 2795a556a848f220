#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <dlock/options.hpp>

#include "arguments.hpp"

namespace dlock::cli {

/// What the verbs that talk to a server have in common.
struct connection_options {
  dlock::client_options client;
  bool verbose = false;  ///< client.log is set, then.
};

/// The arguments of those options as they are typed; what depends on several of them is worked out at the end.
class connection_arguments {
 public:
  explicit connection_arguments(connection_options& out) : out_(out) {}

  /// What they are called and do. The table must not outlive this.
  [[nodiscard]] std::vector<option> table();

  /// Chooses the server once all are taken. Throws failure. Looks at DLOCK_URL.
  void finish();

 private:
  connection_options& out_;
  std::optional<std::string> url_;
  std::optional<std::string> url_file_;
};

}  // namespace dlock::cli
