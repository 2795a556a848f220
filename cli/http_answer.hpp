#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "http_server.hpp"

namespace dlock::cli {

class http_sender;

/// A connection, as those see it who answer its requests. All functions except post() run on the server's thread.
class http_connection {
 public:
  http_connection() = default;
  http_connection(const http_connection&) = delete;
  http_connection& operator=(const http_connection&) = delete;
  virtual ~http_connection() = default;

  /// Lets the server's thread call `what`. Thread-safe.
  virtual void post(std::function<void()> what) = 0;

  virtual void reply(http_reply with) = 0;
  virtual void answer_after(std::chrono::milliseconds limit, std::shared_ptr<http_answer::exchange> of,
                            http_reply otherwise) = 0;
  virtual void begin_stream(http_reply head, std::shared_ptr<http_sender> sender) = 0;
  virtual void push(std::shared_ptr<const std::string> piece) = 0;
  virtual void end_stream() = 0;
  virtual void close() = 0;
};

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
  /// The client is gone.
  void give_up();

 private:
  std::mutex guard_;
  std::shared_ptr<http_connection> who_;  // null: answered, or the client is gone
};

/// The end of a stream that its owner has.
class http_sender final : public http_stream {
 public:
  explicit http_sender(std::shared_ptr<http_connection> who) : who_(std::move(who)) {}
  bool send(std::shared_ptr<const std::string> piece) override;
  [[nodiscard]] std::size_t waiting() const override { return waiting_; }
  [[nodiscard]] bool is_open() const override;
  void close() override;
  void give_up();
  void taken(std::size_t bytes) { waiting_ -= bytes; }

 private:
  mutable std::mutex guard_;
  std::shared_ptr<http_connection> who_;  // null: the stream has ended
  std::atomic<std::size_t> waiting_{0};
};

}  // namespace dlock::cli
