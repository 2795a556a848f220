#include <array>
#include <ctime>
#include <deque>
#include <exception>
#include <optional>
#include <sstream>
#include <string_view>

// These are slow to compile, so no other file includes them.
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include "http_listener.hpp"
#include "http_text.hpp"
#include "text.hpp"

namespace dlock::cli {

namespace beast = boost::beast;
namespace http = beast::http;
using shared_text = std::shared_ptr<const std::string>;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t longest_header = 8192;
constexpr auto header_time = 5s;  // also for the first byte of a connection
constexpr auto idle_time = 60s;   // between two requests
constexpr auto write_time = 30s;
constexpr auto drain_time = 1s;
constexpr std::size_t most_drained = 65536;

/// Each reply has these. The page of `dlock serve` needs nothing from elsewhere, and nobody may frame it.
constexpr std::array<std::pair<const char*, const char*>, 7> always{{
    {"Content-Security-Policy",
     "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"},
    {"X-Frame-Options", "DENY"},
    {"X-Content-Type-Options", "nosniff"},
    {"Cache-Control", "no-store"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
}};

std::string date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text.data();
}

std::string_view plain(beast::string_view text) {
  return {text.data(), text.size()};
}

/// An IPv4 client of an IPv6 socket has an address such as ::ffff:127.0.0.1.
asio::ip::address unmapped(const asio::ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
}

class beast_connection final : public http_connection, public std::enable_shared_from_this<beast_connection> {
 public:
  beast_connection(http_server::impl& server, tcp::socket socket) : server_(server), stream_(std::move(socket)) {}

  void post(std::function<void()> what) override { asio::post(stream_.get_executor(), std::move(what)); }

  void start() {
    error_code problem;
    local_ = unmapped(stream_.socket().local_endpoint(problem).address());
    stream_.socket().set_option(tcp::no_delay(true), problem);
    begin_waiting(server_.options.grace);
    wait_for_request(header_time);
  }

  void close() override {
    if (closed_) return;
    closed_ = true;
    const auto self = shared_from_this();
    timer_.cancel();
    stop_waiting();
    if (const auto of = exchange_.lock()) of->give_up();
    if (sender_) sender_->give_up();
    sender_.reset();
    error_code ignored;
    stream_.socket().close(ignored);
    server_.has_closed(self);
  }

  void reply(http_reply with) override {
    if (closed_) return;
    timer_.cancel();
    auto head = head_of(with);
    const shared_text body = with.body ? std::move(with.body) : std::make_shared<const std::string>();
    head.content_length(body->size());
    write(head, head_only_ ? nullptr : body);
  }

  void begin_stream(http_reply with, std::shared_ptr<http_sender> sender) override {
    if (closed_) return sender->give_up();
    timer_.cancel();
    keep_alive_ = false;
    auto head = head_of(with);
    if (head_only_) {
      sender->give_up();
      return write(head, nullptr);
    }
    sender_ = std::move(sender);
    chunked_ = head.version() >= 11;
    if (chunked_) head.chunked(true);
    write(head, nullptr);
    notice_its_end();
  }

  /// A piece of a stream.
  void push(shared_text piece) override {
    if (closed_ || !sender_) return;
    queue_.push_back(std::move(piece));
    if (!writing_) write_next();
  }

  void end_stream() override {
    if (closed_ || !sender_) return;
    sender_->give_up();
    ended_ = true;
    if (!writing_) write_next();
  }

  void answer_after(std::chrono::milliseconds limit, std::shared_ptr<http_answer::exchange> of,
                    http_reply otherwise) override {
    if (closed_) return;
    timer_.expires_after(limit);
    timer_.async_wait([of = std::move(of), otherwise = std::move(otherwise)](error_code problem) {
      if (!problem) of->answer(otherwise);
    });
  }

 private:
  using head_type = http::response<http::empty_body>;

  void wait_for_request(std::chrono::seconds limit) {
    parser_.emplace();
    parser_->header_limit(longest_header);
    if (buffer_.size() != 0) return read_header();  // a client may send the next request before it has the reply
    stream_.expires_after(limit);
    stream_.async_read_some(buffer_.prepare(2048), [self = shared_from_this()](error_code problem, std::size_t size) {
      if (self->closed_ || problem) return self->close();
      self->buffer_.commit(size);
      self->begin_waiting(self->server_.options.grace);  // the rest is likely on its way
      self->read_header();
    });
  }

  void read_header() {
    stream_.expires_after(header_time);
    http::async_read_header(stream_, buffer_, *parser_, [self = shared_from_this()](error_code problem, std::size_t) {
      if (self->closed_) return;
      if (!problem) return self->on_request();
      const bool is_http = problem.category() == make_error_code(http::error::header_limit).category();
      if (!is_http || problem == http::error::end_of_stream || problem == http::error::partial_message) {
        return self->close();
      }
      const bool too_long = problem == http::error::header_limit || problem == http::error::buffer_overflow;
      self->keep_alive_ = self->head_only_ = false;
      self->reply(too_long ? text_reply(431, "the header is too long\n")
                           : text_reply(400, "this is no HTTP request\n"));
    });
  }

  void on_request() {
    stop_waiting();
    const auto& asked = parser_->get();
    const bool has_body = parser_->chunked() || parser_->content_length().value_or(0) != 0;
    keep_alive_ = asked.keep_alive() && !has_body;
    head_only_ = asked.method() == http::verb::head;
    if (asked.count(http::field::host) != 1 || !is_ours(host_name(plain(asked[http::field::host])))) {
      return reply(text_reply(403, "this server does not have the name that the header Host says; see --host\n"));
    }
    if (asked.method() != http::verb::get && !head_only_) {
      auto refused = text_reply(405, "only GET and HEAD are allowed\n");
      refused.headers.emplace_back("Allow", "GET, HEAD");
      return reply(std::move(refused));
    }
    const auto request = parse_target(plain(asked.target()));
    if (!request || has_body) return reply(text_reply(400, "this request makes no sense here\n"));
    if (!is_allowed(request->path)) {
      auto refused = text_reply(401, "the header Authorization must be 'Bearer TOKEN', with the right token\n");
      refused.headers.emplace_back("WWW-Authenticate", "Bearer");
      return reply(std::move(refused));
    }
    const auto of = std::make_shared<http_answer::exchange>(shared_from_this());
    exchange_ = of;
    try {
      server_.handle(*request, http_answer(of));
    } catch (const std::exception& problem) {
      remark(std::string("a request failed: ") + problem.what());
      of->answer(text_reply(500, "dlock failed\n"));
    }
  }

  /// Against DNS rebinding: a page of evil.example that has made its name resolve to this machine says that name.
  [[nodiscard]] bool is_ours(const std::string& name) const {
    if (name == "localhost" || name == "127.0.0.1" || name == "::1") return true;
    for (const std::string& each : server_.options.hosts) {
      if (name == each) return true;
    }
    error_code problem;
    const auto address = asio::ip::make_address(name, problem);
    return !problem && unmapped(address) == local_;
  }

  [[nodiscard]] bool is_allowed(const std::string& path) const {
    const auto& options = server_.options;
    if (options.token.empty() || (options.is_public && options.is_public(path))) return true;
    const auto& asked = parser_->get();
    return asked.count(http::field::authorization) == 1 &&
           is_bearer(plain(asked[http::field::authorization]), options.token);
  }

  [[nodiscard]] head_type head_of(const http_reply& with) const {
    head_type head;
    head.version(parser_->get().version() == 10 ? 10 : 11);
    head.result(static_cast<unsigned>(with.status));
    head.set(http::field::date, date());
    head.set(http::field::content_type, with.type);
    for (const auto& [name, value] : always) head.set(name, value);
    for (const auto& [name, value] : with.headers) head.set(name, value);
    head.keep_alive(keep_alive_);
    return head;
  }

  void write(const head_type& head, shared_text body) {
    std::ostringstream text;
    text << head.base();
    head_ = text.str();
    body_ = std::move(body);
    if (!sender_) begin_waiting(server_.options.grace);
    send(std::array<asio::const_buffer, 2>{asio::buffer(head_), body_ ? asio::buffer(*body_) : asio::const_buffer()});
  }

  /// The next piece of a stream.
  void write_next() {
    if (!queue_.empty()) {
      body_ = std::move(queue_.front());
      queue_.pop_front();
      if (!chunked_) return send(asio::buffer(*body_));
      if (!body_->empty()) return send(http::make_chunk(asio::buffer(*body_)));
      return write_next();  // an empty chunk would be the end
    }
    if (!ended_) return;
    if (!std::exchange(chunked_, false)) return close();
    send(http::make_chunk_last());
  }

  template <typename Buffers>
  void send(const Buffers& buffers) {
    writing_ = true;
    stream_.expires_after(write_time);
    asio::async_write(stream_, buffers, [self = shared_from_this()](error_code problem, std::size_t) {
      if (self->closed_ || problem) return self->close();
      self->on_written();
    });
  }

  void on_written() {
    writing_ = false;
    const shared_text written = std::move(body_);
    if (sender_) {
      if (written) sender_->taken(written->size());
      return write_next();
    }
    begin_waiting();
    if (keep_alive_) return wait_for_request(idle_time);
    drain(0);
  }

  /// Closes so that the client gets the reply. If a socket is closed while there is something to read from it, what was
  /// sent may be lost.
  void drain(std::size_t so_far) {
    error_code ignored;
    if (so_far == 0) {
      stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
      stream_.expires_after(drain_time);
    }
    if (so_far > most_drained) return close();
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(2048),
                            [self = shared_from_this(), so_far](error_code problem, std::size_t size) {
                              if (self->closed_ || problem) return self->close();
                              self->drain(so_far + size);
                            });
  }

  /// While a stream has nothing to send, only a read tells that the client is gone.
  void notice_its_end() {
    buffer_.clear();
    stream_.expires_never();  // only reads: a write is on its way
    stream_.async_read_some(buffer_.prepare(512),
                            [self = shared_from_this()](error_code, std::size_t) { self->close(); });
  }

  /// It is the client's turn. From the end of `grace` on, this connection makes way for another one.
  void begin_waiting(std::chrono::milliseconds grace = 0ms) {
    stop_waiting();
    waiting_ = server_.begins_to_wait(*this, grace);
  }

  void stop_waiting() {
    if (waiting_) server_.waits_no_more(*std::exchange(waiting_, std::nullopt));
  }

  http_server::impl& server_;
  beast::tcp_stream stream_;
  asio::ip::address local_;
  beast::flat_buffer buffer_{std::size_t{2} * longest_header};
  std::optional<http::request_parser<http::empty_body>> parser_;
  std::optional<http_server::impl::waiting_list::iterator> waiting_;
  bool closed_ = false;
  bool keep_alive_ = false;
  bool head_only_ = false;

  std::weak_ptr<http_answer::exchange> exchange_;
  asio::steady_timer timer_{stream_.get_executor()};
  std::string head_;
  shared_text body_;
  bool writing_ = false;

  std::shared_ptr<http_sender> sender_;  // of a stream
  std::deque<shared_text> queue_;
  bool chunked_ = false;
  bool ended_ = false;
};

}  // namespace

std::shared_ptr<http_connection> begin_connection(http_server::impl& server, tcp::socket socket) {
  auto out = std::make_shared<beast_connection>(server, std::move(socket));
  out->start();
  return out;
}

}  // namespace dlock::cli
