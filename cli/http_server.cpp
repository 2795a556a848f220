#include "http_server.hpp"

#include <algorithm>
#include <string>

#include <boost/asio/post.hpp>

#include "http_listener.hpp"
#include "text.hpp"

namespace dlock::cli {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t most_connections = 64;

std::string shown(const std::string& address, std::uint16_t port) {
  return (address.find(':') == std::string::npos ? address : "[" + address + "]") + ":" + std::to_string(port);
}

}  // namespace

http_server::impl::~impl() {
  io.stop();
  if (thread_.joinable()) thread_.join();
  for (const auto& each : std::set(all_)) each->close();
}

void http_server::impl::start() {
  wait_for_newcomer();
  thread_ = std::thread([this] { io.run(); });
}

void http_server::impl::listen() {
  const std::string where = shown(options.address, options.port);
  error_code problem;
  const tcp::endpoint endpoint(asio::ip::make_address(options.address, problem), options.port);
  if (!problem) acceptor_.open(endpoint.protocol(), problem);
  if (!problem) acceptor_.set_option(tcp::acceptor::reuse_address(true), problem);
  if (!problem) acceptor_.bind(endpoint, problem);
  if (!problem) acceptor_.listen(128, problem);
  if (!problem) {
    port_ = acceptor_.local_endpoint().port();
    return;
  }
  const std::string advice = problem == asio::error::address_in_use ? "; choose another port with --listen"
                             : problem == asio::error::access_denied
                                 ? "; choose a port above 1023 with --listen"
                                 : "; give an address of this machine with --listen";
  throw failure("cannot listen on " + where + ": " + problem.message() + advice);
}

void http_server::impl::wait_for_newcomer() {
  acceptor_.async_wait(tcp::acceptor::wait_read, [this](error_code problem) {
    if (problem) return pause(problem);
    has_newcomer_ = true;
    refused_at_ = clock::now() + (is_stuck_ ? 0ms : options.patience);  // or each of a long backlog would wait in turn
    look_for_place();
  });
}

/// If all places are taken, the connection that has waited longest for its client makes way. So clients that send
/// nothing do not keep others out. If none waits, the newcomer does, for a limited time.
void http_server::impl::look_for_place() {
  if (!has_newcomer_) return;
  const auto now = clock::now();
  if (all_.size() >= most_connections && !waiting_.empty() && waiting_.begin()->first <= now) {
    waiting_.begin()->second->close();
  }
  const bool has_place = all_.size() < most_connections;
  if (has_place || now >= refused_at_) {
    has_newcomer_ = false;
    is_stuck_ = !has_place && waiting_.empty();
    return accept(has_place);
  }
  timer_.expires_at(waiting_.empty() ? refused_at_ : std::min(refused_at_, waiting_.begin()->first));
  timer_.async_wait([this](error_code end) {
    if (!end) look_for_place();
  });
}

void http_server::impl::accept(bool has_place) {
  acceptor_.async_accept([this, has_place](error_code problem, tcp::socket socket) {
    if (problem) return pause(problem);
    if (has_place) all_.insert(begin_connection(*this, std::move(socket)));
    wait_for_newcomer();
  });
}

void http_server::impl::pause(error_code problem) {
  if (problem == asio::error::operation_aborted) return;
  timer_.expires_after(100ms);  // too few file descriptors, for example
  timer_.async_wait([this](error_code end) {
    if (!end) wait_for_newcomer();
  });
}

http_server::impl::waiting_list::iterator http_server::impl::begins_to_wait(http_connection& who,
                                                                            std::chrono::milliseconds grace) {
  on_change();
  return waiting_.emplace(clock::now() + grace, &who);
}

void http_server::impl::has_closed(const std::shared_ptr<http_connection>& who) {
  all_.erase(who);
  on_change();
}

/// Posts, because it is called in the middle of what a connection does.
void http_server::impl::on_change() {
  is_stuck_ = false;
  if (has_newcomer_) asio::post(io, [this] { look_for_place(); });
}

http_server::http_server(http_options options, handler handle)
    : impl_(std::make_unique<impl>(std::move(options), std::move(handle))) {}

http_server::~http_server() = default;

void http_server::start() {
  impl_->start();
}

std::uint16_t http_server::port() const {
  return impl_->port();
}

std::string http_server::url() const {
  return "http://" + shown(impl_->options.address, impl_->port());
}

}  // namespace dlock::cli
