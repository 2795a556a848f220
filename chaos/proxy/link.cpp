#include "link.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

namespace chaos {
namespace {

/// Beyond this we stop reading, so that the sender feels it, as it would on a slow network.
constexpr std::size_t kMostQueued = 1 << 20;

}  // namespace

link::link(descriptor peer, descriptor member, std::size_t target)
    : peer_(std::move(peer)), member_(std::move(member)), target_(target) {}

void link::reset() {
  reset_on_close(peer_.get());
  reset_on_close(member_.get());
  over_ = true;
}

void link::take(direction& d, std::string bytes, std::chrono::milliseconds delay) {
  d.size += bytes.size();
  d.queue.push_back({std::move(bytes), monotonic::now() + delay});
}

void link::read_from(int fd, rule& r, counters& c) {
  const bool request = fd == peer_.get();
  direction& d = request ? requests_ : replies_;
  std::array<char, 65536> buffer;
  while (!over_ && !d.ended && d.size < kMostQueued) {
    const auto n = recv(fd, buffer.data(), buffer.size(), 0);
    if (n < 0) {
      if (errno == EAGAIN || errno == EINTR) return;
      if (errno == ECONNREFUSED || errno == ECONNRESET) return reset();
    }
    if (n <= 0) {
      d.ended = true;
      return;
    }
    std::string bytes(buffer.data(), static_cast<std::size_t>(n));
    if (request) {
      if (r.times > 0 && fate_ == fate::none && bytes.find(r.text) != bytes.npos) {
        --r.times;
        fate_ = r.half ? fate::half : fate::swallow;
      }
      if (r.hold_requests) ++c.held;
      take(d, std::move(bytes), {});
    } else if (fate_ != fate::none) {
      return doomed_reply(bytes, c);  // the member has carried it out: it replies
    } else {
      if (r.hold_replies) ++c.held;
      if (r.delay.count() > 0) ++c.delayed;
      take(d, std::move(bytes), r.delay);
    }
  }
}

void link::doomed_reply(const std::string& bytes, counters& c) {
  if (fate_ == fate::half) {
    send(peer_.get(), bytes.data(), bytes.size() / 2, MSG_NOSIGNAL);
    ++c.halved;
  } else {
    ++c.swallowed;
  }
  reset();
}

void link::write(direction& d, int fd) {
  const auto now = monotonic::now();
  d.blocked = false;
  while (!d.queue.empty() && d.queue.front().due <= now) {
    auto& front = d.queue.front();
    const auto n = send(fd, front.bytes.data(), front.bytes.size(), MSG_NOSIGNAL);
    if (n < 0) {
      d.blocked = errno == EAGAIN || errno == EINTR;
      if (!d.blocked) reset();
      return;
    }
    d.size -= static_cast<std::size_t>(n);
    if (static_cast<std::size_t>(n) < front.bytes.size()) {
      front.bytes.erase(0, static_cast<std::size_t>(n));
      d.blocked = true;
      return;
    }
    d.queue.pop_front();
  }
}

void link::pass_on(const rule& r) {
  if (over_) return;
  if (!r.hold_requests) write(requests_, member_.get());
  if (!over_ && !r.hold_replies) write(replies_, peer_.get());
  // An end is news that travels like bytes: not through a direction that is held.
  const bool peer_left = requests_.ended && requests_.queue.empty() && !r.hold_requests;
  const bool member_left = replies_.ended && replies_.queue.empty() && !r.hold_replies;
  if (peer_left || member_left) over_ = true;
}

unsigned link::interest(int fd, const rule& r) const {
  const bool is_peer = fd == peer_.get();
  const direction& in = is_peer ? requests_ : replies_;
  const direction& out = is_peer ? replies_ : requests_;
  const bool held = is_peer ? r.hold_replies : r.hold_requests;
  unsigned events = 0;
  if (!in.ended && in.size < kMostQueued) events |= EPOLLIN;
  if (out.blocked && !held) events |= EPOLLOUT;
  return events;
}

std::optional<monotonic::time_point> link::next_due(const rule& r) const {
  std::optional<monotonic::time_point> next;
  const auto consider = [&](const direction& d, bool held) {
    if (held || d.blocked || d.queue.empty()) return;
    if (!next || d.queue.front().due < *next) next = d.queue.front().due;
  };
  consider(requests_, r.hold_requests);
  consider(replies_, r.hold_replies);
  return next;
}

}  // namespace chaos
