#pragma once

#include <termios.h>

namespace dlock::cli {

/// The terminal that controls this process's session, if there is one.
class terminal {
 public:
  /// Notes its settings.
  terminal();

  [[nodiscard]] bool exists() const noexcept { return exists_; }

  /// Sets it as it was. An editor that had to be killed leaves it without echo and line by line input.
  void restore() const;

 private:
  bool exists_ = false;
  bool noted_ = false;
  termios settings_{};
};

}  // namespace dlock::cli
