#include "output.hpp"

#include <poll.h>
#include <unistd.h>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

#include "exit_codes.hpp"
#include "text.hpp"

namespace dlock::cli {

int write_out(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {  // another process that shares stdout has made it non-blocking
      pollfd out{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
      poll(&out, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

int print_and_return(int status, std::string_view text) {
  const int problem = write_out(text);
  if (problem == 0) return status;
  if (problem == EPIPE) return exit_ok;
  complain(std::string("cannot write to standard output: ") + std::strerror(problem));
  return exit_failed;
}

}  // namespace dlock::cli
