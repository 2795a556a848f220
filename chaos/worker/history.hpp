#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>

namespace chaos {

using json = nlohmann::ordered_json;

/// What one process did, a line for each event: one write(2) each, so that of a killed process at most the last line is
/// torn. Thread-safe without a lock, so that a forked child can write, too.
class history {
 public:
  /// Throws std::system_error.
  history(const std::string& path, std::string process);
  history(const history&) = delete;
  history& operator=(const history&) = delete;
  ~history();

  [[nodiscard]] const std::string& process() const { return process_; }
  void write(const char* event, const json& fields);

 private:
  friend class recorded_call;
  std::string process_;
  int fd_;
  std::atomic<std::int64_t> calls_{0};
};

/// One call of the library, from before it begins to after it has returned.
class recorded_call {
 public:
  recorded_call(history& into, json fields);

  /// The server said that it stands in the queue. Only the first time counts.
  void queued();
  void returned(const char* what, json more = json::object());
  /// It threw `e`.
  void failed(const std::exception& e);

 private:
  history& into_;
  std::int64_t number_;
  bool queued_ = false;
  // Of the library's part alone: a line of the history may have to wait for the disk.
  std::int64_t began_ = 0, starved_ = 0, wrote_ = 0;
};

}  // namespace chaos
