#include "service_manager.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "fd.hpp"
#include "text.hpp"

namespace dlock::cli {

service_manager::service_manager(bool alone) {
  if (const char* const name = std::getenv("NOTIFY_SOCKET")) socket_ = name;
  if (alone) unsetenv("NOTIFY_SOCKET");
}

void service_manager::tell(std::string_view state, std::string_view text) const {
  sockaddr_un to{};
  // A name that begins with @ is in the abstract namespace. Other kinds of addresses, such as vsock:, are not for us.
  if ((!socket_.starts_with('/') && !socket_.starts_with('@')) || socket_.size() >= sizeof to.sun_path) return;
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, socket_.data(), socket_.size());
  if (socket_.front() == '@') to.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  const unique_fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const std::string message = std::string(state) + "STATUS=" + printable(text);
  const timeval limit{.tv_sec = 1, .tv_usec = 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  (void)::sendto(fd.get(), message.data(), message.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to), size);
}

}  // namespace dlock::cli
