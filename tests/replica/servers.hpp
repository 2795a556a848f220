#pragma once

#include <memory>
#include <string>
#include <thread>

#include "proxy.hpp"

namespace dlock::testing {

/// chaos-proxy in this process, before one server. What it can be told is in chaos::kCommands; the server is m0.
class relay {
 public:
  explicit relay(const std::string& target);
  ~relay();
  relay(const relay&) = delete;
  relay& operator=(const relay&) = delete;
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(proxy_->port(0)); }
  std::string tell(const std::string& command);
  /// How often something was done, by the name that it has in the answer to "stats".
  [[nodiscard]] int count(const std::string& what);

 private:
  int ours_ = -1, its_ = -1;  // the two ends of the conversation
  std::unique_ptr<chaos::proxy> proxy_;
  std::thread thread_;
};

/// Says hello as a MongoDB of a certain age does, and knows nothing else.
class old_server {
 public:
  explicit old_server(int wire_version);
  ~old_server();
  old_server(const old_server&) = delete;
  old_server& operator=(const old_server&) = delete;
  [[nodiscard]] std::string address() const;

 private:
  chaos::descriptor listener_;
  int end_[2] = {-1, -1};  // a pipe: closed when it is over
  std::thread thread_;
};

}  // namespace dlock::testing
