#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dlock::cli {

/// A request that has passed all checks: GET or HEAD, with a host that is ours and the token.
struct http_request {
  std::string path;                          ///< Decoded; begins with "/".
  std::map<std::string, std::string> query;  ///< Decoded. If a name is given twice, the first one counts.
};

struct http_reply {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> headers = {};  ///< In addition to those that each reply has.
  /// Many replies may share one text. Null: an empty one.
  std::shared_ptr<const std::string> body = {};
};
[[nodiscard]] http_reply text_reply(int status, std::string text);

/// A reply that has no end of its own, such as server-sent events. Thread-safe.
class http_stream {
 public:
  http_stream() = default;
  http_stream(const http_stream&) = delete;
  http_stream& operator=(const http_stream&) = delete;
  virtual ~http_stream() = default;

  /// Sends a piece; many streams may share one. Never waits. Returns false if the stream has ended: the client is gone
  /// or takes nothing for 30 s, more than 32 MB wait for it, or the server stops.
  virtual bool send(std::shared_ptr<const std::string> piece) = 0;
  /// How many bytes were given to send() and are not yet taken by the client's connection.
  [[nodiscard]] virtual std::size_t waiting() const = 0;
  [[nodiscard]] virtual bool is_open() const = 0;
  virtual void close() = 0;
};

/// How a handler answers: now, or later and from any thread. Of the calls, only the first one counts. If the last copy
/// goes away before any call, the answer is 500.
class http_answer {
 public:
  class exchange;
  explicit http_answer(std::shared_ptr<exchange> of) : of_(std::move(of)) {}

  void operator()(http_reply reply) const;
  /// Unless somebody answers within `limit`, `otherwise` is the answer.
  void or_else(std::chrono::milliseconds limit, http_reply otherwise) const;
  /// Begins a stream with `head`, and `head.body` as its first piece. Null if somebody has answered before, or if the
  /// client is gone. After HEAD, the stream has ended at once.
  [[nodiscard]] std::shared_ptr<http_stream> stream(http_reply head) const;

 private:
  std::shared_ptr<exchange> of_;
};

struct http_options {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;          ///< 0: any that is free.
  std::string token;               ///< Empty: none is needed.
  std::vector<std::string> hosts;  ///< Allowed in the header Host, besides the addresses of this machine's own.
  /// Whether a path needs no token: what has no data, such as the page that asks for the token. Empty: none.
  std::function<bool(const std::string& path)> is_public;
  /// If all connections are taken and none can make way, a newcomer waits this long before it is refused.
  std::chrono::milliseconds patience{2000};
  /// How long the client of a connection has to send its request, and to take its reply, before it makes way.
  std::chrono::milliseconds grace{200};
};

/// An HTTP/1.1 server for a few readers who may be hostile. Plain text: TLS is a proxy's or a tunnel's
/// (docs/security.md). It refuses everything but GET and HEAD, has at most 64 connections, and limits the size and the
/// time of each header. A connection that waits for its client makes way for a newcomer.
/// docs/adr/0036-listening.md has the reasons.
class http_server {
 public:
  using handler = std::function<void(const http_request&, http_answer)>;

  /// Listens from here on. `handle` is called on the server's own thread, so it must not block. Throws failure if the
  /// address is not one of this machine's, or if the port is in use.
  http_server(http_options options, handler handle);
  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;
  /// Ends all connections.
  ~http_server();

  /// The port that it listens on.
  [[nodiscard]] std::uint16_t port() const;
  /// "http://127.0.0.1:9170"
  [[nodiscard]] std::string url() const;

  /// Serves on a thread of its own, until the destructor.
  void start();

  class impl;

 private:
  std::unique_ptr<impl> impl_;
};

}  // namespace dlock::cli
