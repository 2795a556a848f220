#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <thread>
#include <utility>

// These are slow to compile, so only http_server.cpp and http_connection.cpp include this file.
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "http_answer.hpp"

namespace dlock::cli {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

/// Listens, and decides who has a place.
class http_server::impl {
 public:
  impl(http_options asked, handler h) : options(std::move(asked)), handle(std::move(h)) { listen(); }
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;
  ~impl();

  void start();
  [[nodiscard]] std::uint16_t port() const { return port_; }

  asio::io_context io;  // with the hint 1, what its own thread posts would come after what others post later
  const http_options options;
  const handler handle;

  // For connections, on the server's thread.
  using clock = std::chrono::steady_clock;
  using waiting_list = std::multimap<clock::time_point, http_connection*>;  // by the time from which each makes way
  [[nodiscard]] waiting_list::iterator begins_to_wait(http_connection& who, std::chrono::milliseconds grace);
  void waits_no_more(waiting_list::iterator which) { waiting_.erase(which); }
  void has_closed(const std::shared_ptr<http_connection>& who);

 private:
  void listen();
  void wait_for_newcomer();
  void look_for_place();
  void accept(bool has_place);
  void pause(error_code problem);
  void on_change();

  std::set<std::shared_ptr<http_connection>> all_;
  waiting_list waiting_;
  tcp::acceptor acceptor_{io};
  asio::steady_timer timer_{io};
  bool has_newcomer_ = false;  // it stays in the kernel's backlog until it has a place
  clock::time_point refused_at_;
  bool is_stuck_ = false;  // somebody was refused, and nothing has changed since
  std::uint16_t port_ = 0;
  std::thread thread_;
};

/// Begins to serve a client. Closes nothing before it returns.
[[nodiscard]] std::shared_ptr<http_connection> begin_connection(http_server::impl& server, tcp::socket socket);

}  // namespace dlock::cli
