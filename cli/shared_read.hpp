#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace dlock::cli {

/// Reads something for all who ask, one read at a time, on a thread of its own. Those who ask during a read, or within
/// `fresh` after it, share what it read. Thread-safe.
class shared_read {
 public:
  using text = std::shared_ptr<const std::string>;

  /// `read` must not throw. The thread does not end before the process.
  shared_read(std::function<std::string()> read, std::chrono::milliseconds fresh);

  /// Calls `done`: at once, or on the thread that reads.
  void get(std::function<void(text)> done);

 private:
  struct state;
  static void run(const std::shared_ptr<state>& s);
  std::shared_ptr<state> state_;
};

}  // namespace dlock::cli
