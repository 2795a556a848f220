#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace dlock::testing {

/// A listening socket on 127.0.0.1 and a thread for each connection, until it is destroyed.
class tcp_server {
 public:
  tcp_server();
  virtual ~tcp_server();
  tcp_server(const tcp_server&) = delete;
  tcp_server& operator=(const tcp_server&) = delete;
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 protected:
  void start();
  /// To be called by the destructor of the class that implements serve().
  void stop();
  /// Serves one connection until it ends, or is shut down.
  virtual void serve(int connection) = 0;
  /// Makes stop() end it, too.
  void also_ends(int fd);

 private:
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::mutex guard_;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::thread accepting_;
};

/// Forwards to a server, and can lose its replies.
class proxy final : public tcp_server {
 public:
  explicit proxy(std::string target);
  ~proxy() override { stop(); }
  /// The next `times` requests that contain `text` are forwarded, and their connections break instead of replying.
  void swallow_replies(std::string text, int times);
  [[nodiscard]] int swallowed() const { return swallowed_; }

 private:
  void serve(int connection) override;
  [[nodiscard]] bool swallows(const char* data, std::size_t size);

  const std::string target_;
  std::mutex guard_;
  std::string text_;
  int times_ = 0;
  std::atomic<int> swallowed_{0};
};

/// Accepts connections and never says a word.
class silent_server final : public tcp_server {
 public:
  silent_server() { start(); }
  ~silent_server() override { stop(); }

 private:
  void serve(int connection) override;
};

/// Says hello as a MongoDB of a certain age does, and knows nothing else.
class old_server final : public tcp_server {
 public:
  explicit old_server(int wire_version) : wire_version_(wire_version) { start(); }
  ~old_server() override { stop(); }

 private:
  void serve(int connection) override;
  const int wire_version_;
};

}  // namespace dlock::testing
