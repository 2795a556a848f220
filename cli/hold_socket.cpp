#include "hold_socket.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "nesting.hpp"
#include "text.hpp"

namespace dlock::cli {

namespace {

using std::chrono::milliseconds;

enum class hold_request : char { token = 't', end = 'e' };

struct address {
  sockaddr_un name{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }
};

address address_of(const process& script, const lock_place& lock) {
  const std::string text = "dlock-hold/" + std::to_string(script.id) + "/" + std::to_string(script.started) +
                           tag_of(lock.db + '\0' + lock.coll + '\0' + lock.id);
  address out;
  out.name.sun_family = AF_UNIX;
  std::memcpy(out.name.sun_path + 1, text.data(), std::min(text.size(), sizeof out.name.sun_path - 1));
  out.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
  return out;
}

unique_fd make_socket(int flags) {
  return unique_fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0));
}

/// Anybody may connect to an abstract socket, and anybody may take a name.
bool is_one_of_us(const unique_fd& peer) {
  ucred who{};
  socklen_t size = sizeof who;
  return getsockopt(peer.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && (who.uid == geteuid() || who.uid == 0);
}

std::optional<std::int64_t> ask(const process& script, const lock_place& lock, hold_request what,
                                milliseconds patience) {
  const unique_fd peer = make_socket(0);
  const timeval limit{.tv_sec = patience.count() / 1000, .tv_usec = patience.count() % 1000 * 1000};
  setsockopt(peer.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  setsockopt(peer.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const address to = address_of(script, lock);
  if (connect(peer.get(), to.get(), to.size) != 0 || !is_one_of_us(peer)) return std::nullopt;
  std::int64_t reply = 0;
  if (::send(peer.get(), &what, sizeof what, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof what)) return std::nullopt;
  if (recv(peer.get(), &reply, sizeof reply, 0) == static_cast<ssize_t>(sizeof reply)) return reply;
  if (what == hold_request::token) return std::nullopt;
  throw failure(
      "the dlock hold of this script does not answer, so it may still hold the lock; it gives it back when the script "
      "ends, or before");
}

}  // namespace

hold_socket::hold_socket(const process& script, const dlock::client_options& where, std::vector<grant> grants)
    : grants_(std::move(grants)), ready_(epoll_create1(EPOLL_CLOEXEC)) {
  for (std::size_t i = 0; i < grants_.size(); ++i) {
    listeners_.push_back(make_socket(SOCK_NONBLOCK));
    const unique_fd& listener = listeners_.back();
    const address own = address_of(script, {.db = where.db, .coll = where.coll, .id = grants_[i].id});
    epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
    if (bind(listener.get(), own.get(), own.size) == 0 && listen(listener.get(), 8) == 0) {
      epoll_ctl(ready_.get(), EPOLL_CTL_ADD, listener.get(), &event);
    }
  }
}

std::optional<unique_fd> hold_socket::answer() {
  epoll_event event{};
  if (epoll_wait(ready_.get(), &event, 1, 0) != 1) return std::nullopt;
  unique_fd peer(accept4(listeners_[event.data.u64].get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!peer || !is_one_of_us(peer)) return std::nullopt;
  pollfd asked{.fd = peer.get(), .events = POLLIN, .revents = 0};
  poll(&asked, 1, 100);  // he connects to ask at once
  hold_request what{};
  if (recv(peer.get(), &what, sizeof what, 0) != static_cast<ssize_t>(sizeof what)) return std::nullopt;
  if (what == hold_request::end) {
    // This process may have been stopped. One who waits no longer has said that the lock may still be held.
    asked.events = 0;
    if (poll(&asked, 1, 0) != 0) return std::nullopt;
    return peer;
  }
  const std::int64_t token = grants_[event.data.u64].token;
  ::send(peer.get(), &token, sizeof token, MSG_NOSIGNAL);
  return std::nullopt;
}

void say_ended(const unique_fd& to, int status) {
  const std::int64_t reply = status;
  ::send(to.get(), &reply, sizeof reply, MSG_NOSIGNAL);
}

std::optional<std::int64_t> token_held_by(const process& script, const lock_place& lock) {
  return ask(script, lock, hold_request::token, milliseconds(200));
}

std::optional<int> end_hold_of(const process& script, const lock_place& lock, milliseconds patience) {
  const auto status = ask(script, lock, hold_request::end, patience);
  return status ? std::optional(static_cast<int>(*status)) : std::nullopt;
}

}  // namespace dlock::cli
