#include "http_server.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <ctime>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>
#include <thread>

// These are slow to compile, so no other file includes them.
#include <boost/asio/buffer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
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

#include "http_text.hpp"
#include "text.hpp"

namespace dlock::cli {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using shared_text = std::shared_ptr<const std::string>;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t most_connections = 64;
constexpr std::uint32_t longest_header = 8192;
constexpr auto header_time = 5s;  // also for the first byte of a connection
constexpr auto idle_time = 60s;   // between two requests
constexpr auto write_time = 30s;
constexpr auto drain_time = 1s;
constexpr std::size_t most_drained = 65536;
constexpr std::size_t most_waiting = 32U << 20U;

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

std::string shown(const std::string& address, std::uint16_t port) {
  return (address.find(':') == std::string::npos ? address : "[" + address + "]") + ":" + std::to_string(port);
}

}  // namespace

class http_connection;

/// One request, between the connection and whoever answers. Each may go away before the other.
class http_answer::exchange : public std::enable_shared_from_this<exchange> {
 public:
  explicit exchange(std::shared_ptr<http_connection> who) : who_(std::move(who)) {}
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;
  ~exchange() { answer(text_reply(500, "there is no answer\n")); }

  void answer(http_reply reply);
  void or_else(std::chrono::milliseconds limit, http_reply otherwise);
  std::shared_ptr<http_stream> stream(http_reply head);
  void give_up() {
    const std::lock_guard lock(guard_);
    who_.reset();
  }

 private:
  std::mutex guard_;
  std::shared_ptr<http_connection> who_;  // null: answered, or the client is gone
};

/// The end of a stream that its owner has.
class http_sender final : public http_stream {
 public:
  explicit http_sender(std::shared_ptr<http_connection> who) : who_(std::move(who)) {}
  bool send(shared_text piece) override;
  [[nodiscard]] std::size_t waiting() const override { return waiting_; }
  [[nodiscard]] bool is_open() const override {
    const std::lock_guard lock(guard_);
    return who_ != nullptr;
  }
  void close() override;
  void give_up() {
    const std::lock_guard lock(guard_);
    who_.reset();
  }
  void taken(std::size_t bytes) { waiting_ -= bytes; }

 private:
  mutable std::mutex guard_;
  std::shared_ptr<http_connection> who_;  // null: the stream has ended
  std::atomic<std::size_t> waiting_{0};
};

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

/// All its functions run on the server's thread.
class http_connection : public std::enable_shared_from_this<http_connection> {
 public:
  http_connection(http_server::impl& server, tcp::socket socket) : server_(server), stream_(std::move(socket)) {}

  [[nodiscard]] auto executor() { return stream_.get_executor(); }

  void start() {
    error_code problem;
    local_ = unmapped(stream_.socket().local_endpoint(problem).address());
    stream_.socket().set_option(tcp::no_delay(true), problem);
    begin_waiting(server_.options.grace);
    wait_for_request(header_time);
  }

  void close() {
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

  void reply(http_reply with) {
    if (closed_) return;
    timer_.cancel();
    auto head = head_of(with);
    const shared_text body = with.body ? std::move(with.body) : std::make_shared<const std::string>();
    head.content_length(body->size());
    write(head, head_only_ ? nullptr : body);
  }

  void begin_stream(http_reply with, std::shared_ptr<http_sender> sender) {
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
  void push(shared_text piece) {
    if (closed_ || !sender_) return;
    queue_.push_back(std::move(piece));
    if (!writing_) write_next();
  }

  void end_stream() {
    if (closed_ || !sender_) return;
    sender_->give_up();
    ended_ = true;
    if (!writing_) write_next();
  }

  void answer_after(std::chrono::milliseconds limit, std::shared_ptr<http_answer::exchange> of, http_reply otherwise) {
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

void http_answer::exchange::answer(http_reply reply) {
  const std::lock_guard lock(guard_);
  if (!who_) return;
  const auto who = std::exchange(who_, nullptr);
  asio::post(who->executor(), [who, reply = std::move(reply)]() mutable { who->reply(std::move(reply)); });
}

void http_answer::exchange::or_else(std::chrono::milliseconds limit, http_reply otherwise) {
  const std::lock_guard lock(guard_);
  if (!who_) return;
  asio::post(who_->executor(),
             [who = who_, limit, of = shared_from_this(), otherwise = std::move(otherwise)]() mutable {
               who->answer_after(limit, std::move(of), std::move(otherwise));
             });
}

std::shared_ptr<http_stream> http_answer::exchange::stream(http_reply head) {
  const std::lock_guard lock(guard_);
  if (!who_) return nullptr;
  const auto sender = std::make_shared<http_sender>(who_);
  const shared_text first = std::move(head.body);
  asio::post(who_->executor(), [who = who_, sender, head = std::move(head)]() mutable {
    who->begin_stream(std::move(head), std::move(sender));
  });
  who_.reset();
  if (first) (void)sender->send(first);
  return sender;
}

bool http_sender::send(shared_text piece) {
  const std::lock_guard lock(guard_);
  if (!who_) return false;
  if (!piece) return true;
  if (waiting_ + piece->size() > most_waiting) {
    const auto who = std::exchange(who_, nullptr);
    asio::post(who->executor(), [who] { who->close(); });
    return false;
  }
  waiting_ += piece->size();
  asio::post(who_->executor(), [who = who_, piece = std::move(piece)]() mutable { who->push(std::move(piece)); });
  return true;
}

void http_sender::close() {
  const std::lock_guard lock(guard_);
  if (!who_) return;
  const auto who = std::exchange(who_, nullptr);
  asio::post(who->executor(), [who] { who->end_stream(); });
}

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
    if (has_place) {
      const auto made = std::make_shared<http_connection>(*this, std::move(socket));
      all_.insert(made);
      made->start();
    }
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

http_reply text_reply(int status, std::string text) {
  http_reply out{.status = status};
  out.body = std::make_shared<const std::string>(std::move(text));
  return out;
}

void http_answer::operator()(http_reply reply) const {
  of_->answer(std::move(reply));
}

void http_answer::or_else(std::chrono::milliseconds limit, http_reply otherwise) const {
  of_->or_else(limit, std::move(otherwise));
}

std::shared_ptr<http_stream> http_answer::stream(http_reply head) const {
  return of_->stream(std::move(head));
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
