#include "terminal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "fd.hpp"

namespace dlock::cli {

namespace {

unique_fd open_terminal() {
  return unique_fd(open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
}

/// A background process that changes the terminal is stopped.
bool in_foreground(const unique_fd& terminal) {
  return tcgetpgrp(terminal.get()) == getpgrp();
}

}  // namespace

terminal::terminal() {
  const unique_fd fd = open_terminal();
  exists_ = static_cast<bool>(fd);
  noted_ = exists_ && in_foreground(fd) && tcgetattr(fd.get(), &settings_) == 0;
}

void terminal::restore() const {
  if (!noted_) return;
  const unique_fd fd = open_terminal();
  if (fd && in_foreground(fd)) tcsetattr(fd.get(), TCSANOW, &settings_);
}

}  // namespace dlock::cli
