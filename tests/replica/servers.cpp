#include "replica/servers.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <regex>
#include <stdexcept>
#include <vector>

#include "replica/fixture.hpp"

namespace dlock::testing {
namespace {

bool read_all(int fd, char* data, std::size_t size) {
  return recv(fd, data, size, MSG_WAITALL) == static_cast<ssize_t>(size);
}

/// Answers one message with `hello`; false at the end.
bool answer(int fd, const bson_t* hello) {
  constexpr std::int32_t op_reply = 1, op_msg = 2013;
  std::array<std::int32_t, 4> header{};  // size, request, in reply to, operation
  if (!read_all(fd, reinterpret_cast<char*>(header.data()), sizeof header)) return false;
  std::string body(static_cast<std::size_t>(header[0]) - sizeof header, '\0');
  if (!read_all(fd, body.data(), body.size())) return false;
  const bool msg = header[3] == op_msg;
  std::string out = msg ? std::string(5, '\0') : std::string(20, '\0');  // flags, and the kind or the cursor
  if (!msg) out[16] = 1;                                                 // documents
  out.append(reinterpret_cast<const char*>(bson_get_data(hello)), hello->len);
  const std::array<std::int32_t, 4> head{static_cast<std::int32_t>(sizeof header + out.size()), 1, header[1],
                                         msg ? op_msg : op_reply};
  out.insert(0, reinterpret_cast<const char*>(head.data()), sizeof head);
  return send(fd, out.data(), out.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(out.size());
}

/// Serves all connections until `end` is closed at its other side.
void serve(int listener, int end, const bson_t* hello) {
  std::vector<pollfd> fds{{end, POLLIN, 0}, {listener, POLLIN, 0}};
  while (poll(fds.data(), fds.size(), -1) >= 0 && fds[0].revents == 0) {
    for (std::size_t i = 2; i < fds.size(); ++i) {
      if (fds[i].revents == 0 || answer(fds[i].fd, hello)) continue;
      close(fds[i].fd);
      fds[i].fd = -1;  // which poll ignores
    }
    if (fds[1].revents != 0) fds.push_back({accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), POLLIN, 0});
  }
  for (std::size_t i = 2; i < fds.size(); ++i) close(fds[i].fd);
}

}  // namespace

relay::relay(const std::string& target) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) throw std::runtime_error("no socketpair");
  ours_ = ends[0];
  its_ = ends[1];
  proxy_ = std::make_unique<chaos::proxy>(its_, its_);
  thread_ = std::thread([this] { proxy_->run(); });
  tell("target 0 " + target);
}

relay::~relay() {
  shutdown(ours_, SHUT_RDWR);
  thread_.join();
  close(ours_);
  close(its_);
}

std::string relay::tell(const std::string& command) {
  const auto line = command + '\n';
  std::string answer;
  if (send(ours_, line.data(), line.size(), MSG_NOSIGNAL) < 0) throw std::runtime_error("the relay is gone");
  for (char c = 0; recv(ours_, &c, 1, 0) == 1 && c != '\n';) answer += c;
  if (answer.empty() || answer.starts_with("error")) throw std::runtime_error(command + ": " + answer);
  return answer;
}

int relay::count(const std::string& what) {
  const auto stats = tell("stats");
  const std::regex number("\"" + what + "\": (\\d+)");
  int sum = 0;
  for (std::sregex_iterator each(stats.begin(), stats.end(), number), end; each != end; ++each) sum += stoi((*each)[1]);
  return sum;
}

old_server::old_server(int wire_version) : listener_(chaos::listen_on_any_port()) {
  if (pipe(end_) != 0) throw std::runtime_error("no pipe");
  const auto text = R"({"ismaster": true, "maxBsonObjectSize": 16777216, "maxMessageSizeBytes": 48000000,
    "maxWriteBatchSize": 100000, "minWireVersion": 0, "maxWireVersion": )" +
                    std::to_string(wire_version) + R"(, "ok": 1})";
  thread_ = std::thread([this, text] { serve(listener_.get(), end_[0], from_json(text).get()); });
}

old_server::~old_server() {
  close(end_[1]);
  thread_.join();
  close(end_[0]);
}

std::string old_server::address() const {
  return "127.0.0.1:" + std::to_string(chaos::port_of(listener_.get()));
}

}  // namespace dlock::testing
