#pragma once

#include <termios.h>

namespace dlock::cli {

/// The controlling terminal of this process's session, if there is one.
class terminal {
 public:
  /// Saves the settings of the terminal.
  terminal();

  [[nodiscard]] bool exists() const noexcept { return exists_; }

  /// Restores the saved settings. An editor that had to be killed leaves the terminal without echo and without
  /// line-by-line input.
  void restore() const;

 private:
  bool exists_ = false;
  bool noted_ = false;
  termios settings_{};
};

}  // namespace dlock::cli
