#pragma once

#include <string>
#include <string_view>

namespace dlock::cli {

/// Tells systemd how things are, if this process is in a service of Type=notify: the datagrams of sd_notify(3). Nothing
/// fails if it does not work, and nothing waits for it longer than a second.
class service_manager {
 public:
  /// Reads NOTIFY_SOCKET. With `alone`, it removes the variable: then the command of this dlock cannot speak, too.
  explicit service_manager(bool alone);

  /// One line on what happens now: `systemctl status` shows it.
  void status(std::string_view text) const { tell("", text); }
  void ready(std::string_view text) const { tell("READY=1\n", text); }
  void stopping(std::string_view text) const { tell("STOPPING=1\n", text); }

 private:
  void tell(std::string_view state, std::string_view text) const;

  std::string socket_;  // empty: there is nobody to tell
};

}  // namespace dlock::cli
