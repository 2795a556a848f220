// The guarded resource as a process of its own. One thread: so its history is the order in which things happened.
#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <system_error>
#include <vector>

#include "guarded.hpp"

namespace chaos {
namespace {

[[noreturn]] void fail(const std::string& doing) {
  throw std::system_error(errno, std::generic_category(), doing);
}

int listen_at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw std::invalid_argument("the socket's path is too long: " + path);
  path.copy(address.sun_path, path.size());
  unlink(path.c_str());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(fd, 512) != 0) {
    fail("cannot listen at " + path);
  }
  return fd;
}

/// SIGTERM and SIGINT, as something to poll.
int end_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  return signalfd(-1, &set, SFD_CLOEXEC);
}

/// A client's connection. One request at a time, so an answer always fits into the socket.
struct peer {
  int fd;
  std::string begun;

  /// False: it is gone.
  bool serve(guarded& what) {
    std::array<char, 4096> buffer{};
    const auto n = recv(fd, buffer.data(), buffer.size(), 0);
    if (n <= 0) return n < 0 && errno == EINTR;
    begun.append(buffer.data(), static_cast<std::size_t>(n));
    for (std::size_t end = 0; (end = begun.find('\n')) != std::string::npos; begun.erase(0, end + 1)) {
      const std::string out = what.answer(begun.substr(0, end)) + '\n';
      if (send(fd, out.data(), out.size(), MSG_NOSIGNAL | MSG_DONTWAIT) != static_cast<ssize_t>(out.size()))
        return false;
    }
    return true;
  }
};

void serve(int listening, int ending, guarded& what) {
  std::vector<peer> peers;
  for (;;) {
    std::vector<pollfd> fds{{ending, POLLIN, 0}, {listening, POLLIN, 0}};
    for (const auto& p : peers) fds.push_back({p.fd, POLLIN, 0});
    if (poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) fail("cannot wait for requests");
    if (fds[0].revents != 0) return;
    std::vector<peer> left;
    for (std::size_t i = 0; i < peers.size(); ++i) {
      if (fds[i + 2].revents == 0 || peers[i].serve(what)) {
        left.push_back(std::move(peers[i]));
      } else {
        close(peers[i].fd);
      }
    }
    peers.swap(left);
    if (fds[1].revents != 0) {
      const int fd = accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0) peers.push_back({fd, {}});
    }
  }
}

}  // namespace
}  // namespace chaos

int main(int argc, char** argv) {
  CLI::App app{"What the locks of ./run chaos guard: refuses stale tokens, and writes down who did what"};
  std::string socket, file;
  bool unfenced = false;
  app.add_option("--socket", socket, "Path of the Unix socket to listen at")->required();
  app.add_option("--history", file, "Where to write down what happens")->required();
  app.add_flag("--unfenced", unfenced, "Accept every write, to show what fencing is for");
  CLI11_PARSE(app, argc, argv);
  try {
    const int ending = chaos::end_signals();
    const int listening = chaos::listen_at(socket);
    chaos::history into(file, "resource");
    chaos::guarded what(into, !unfenced);
    std::puts("ready");
    std::fflush(stdout);
    chaos::serve(listening, ending, what);
    unlink(socket.c_str());
  } catch (const std::exception& e) {
    std::fprintf(stderr, "chaos-resource: %s\n", e.what());
    return 1;
  }
  return 0;
}
