#include "proxy.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

namespace chaos {

proxy::proxy(int commands, int answers) : commands_(commands), answers_(answers), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  for (auto& l : listeners_) {
    l = listen_on_any_port();
    watch(l.get(), EPOLLIN);
  }
  watch(commands_, EPOLLIN);
}

void proxy::watch(int fd, unsigned events) {
  const auto [at, is_new] = watched_.try_emplace(fd, events);
  if (!is_new && at->second == events) return;
  at->second = events;
  epoll_event e{};
  e.events = events;
  e.data.fd = fd;
  if (epoll_ctl(epoll_.get(), is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &e) != 0)
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
}

void proxy::unwatch(int fd) {
  if (watched_.erase(fd) > 0) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void proxy::run() {
  std::array<epoll_event, 64> events;
  for (;;) {
    const int n = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait_milliseconds());
    if (n < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "epoll_wait");
    for (int i = 0; i < n; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == commands_) {
        if (!hear_commands()) return;
      } else if (links_.contains(fd)) {
        serve_link(fd, events[static_cast<std::size_t>(i)].events);
      } else {
        for (std::size_t member = 0; member < kMembers; ++member) {
          if (fd == listeners_[member].get()) accept_link(member);
        }
      }
    }
    if (n <= 0 || wait_milliseconds() == 0) settle_all();  // something that was delayed is due
  }
}

/// Until the first delayed reply is due.
int proxy::wait_milliseconds() const {
  std::optional<monotonic::time_point> next;
  for (const auto& [fd, l] : links_) {
    if (fd != l->peer()) continue;
    const auto due = l->next_due(rules_.at(l->source(), l->target()));
    if (due && (!next || *due < *next)) next = due;
  }
  if (!next) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - monotonic::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void proxy::accept_link(std::size_t target) {
  descriptor peer(accept4(listeners_[target].get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (peer.get() < 0) return;
  const int on = 1;
  setsockopt(peer.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  descriptor member;
  if (targets_[target].sin_port != 0) member = connect_to(targets_[target]);
  if (member.get() < 0) {
    ++rules_.count(kOthers, target).refused;
    reset_on_close(peer.get());
    return;
  }
  auto l = std::make_shared<link>(std::move(peer), std::move(member), target);
  links_[l->peer()] = l;
  links_[l->member()] = l;
  if (rules_.active()) find_sources();
  if (rule_of(*l).refuse) {
    ++rules_.count(l->source(), target).refused;
    l->reset();
  }
  settle(l);
}

/// Who made the connections of which that is not known yet. It costs something, so it waits until it matters.
void proxy::find_sources() {
  std::vector<std::shared_ptr<link>> unknown;
  std::vector<connection> connections;
  for (const auto& [fd, l] : links_) {
    if (fd != l->peer() || l->source_is_known()) continue;
    unknown.push_back(l);
    connections.push_back({peer_port_of(fd), port(l->target())});
  }
  const auto sources = owners_of(connections, pids_);
  for (std::size_t i = 0; i < unknown.size(); ++i) {
    unknown[i]->comes_from(sources[i]);
    ++rules_.count(sources[i], unknown[i]->target()).links;
  }
}

void proxy::serve_link(int fd, unsigned events) {
  const auto l = links_.at(fd);
  auto& r = rule_of(*l);
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) l->read_from(fd, r, rules_.count(l->source(), l->target()));
  settle(l);
}

/// Passes on what can be, and forgets the link if it is over.
void proxy::settle(const std::shared_ptr<link>& l) {
  const auto& r = rule_of(*l);
  l->pass_on(r);
  for (const int fd : {l->peer(), l->member()}) {
    const auto events = l->interest(fd, r);
    // One that has hung up would wake us again and again, asked for nothing though it is.
    if (l->over() || events == 0) {
      unwatch(fd);
    } else {
      watch(fd, events);
    }
    if (l->over()) links_.erase(fd);
  }
}

void proxy::settle_all() {
  std::vector<std::shared_ptr<link>> all;
  for (const auto& [fd, l] : links_) {
    if (fd == l->peer()) all.push_back(l);
  }
  for (const auto& l : all) settle(l);
}

void proxy::reset_links(std::size_t source, std::size_t target) {
  for (const auto& [fd, l] : links_) {
    if (fd != l->peer() || l->source() != source || l->target() != target) continue;
    l->reset();
    ++rules_.count(source, target).reset;
  }
}

/// False at the end of the commands.
bool proxy::hear_commands() {
  std::array<char, 4096> buffer;
  const auto n = read(commands_, buffer.data(), buffer.size());
  if (n <= 0) return false;
  heard_.append(buffer.data(), static_cast<std::size_t>(n));
  for (auto end = heard_.find('\n'); end != std::string::npos; end = heard_.find('\n')) {
    const auto answer = command(heard_.substr(0, end)) + '\n';
    heard_.erase(0, end + 1);
    if (write(answers_, answer.data(), answer.size()) < 0) return false;
  }
  settle_all();
  return true;
}

}  // namespace chaos
