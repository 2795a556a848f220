#include "fd.hpp"

#include <fcntl.h>

namespace dlock::cli {

void fill_standard_streams() {
  int fd = 0;
  while ((fd = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0 && fd <= STDERR_FILENO) {
  }
  if (fd >= 0) close(fd);
}

}  // namespace dlock::cli
