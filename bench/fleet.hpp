#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "worker.hpp"

namespace bench {

struct crew {
  int processes = 1;
  int threads = 1;  // of each process
  int hold_ms = 0;
  std::string mode = "plain";
  std::string kind = "mutex";
  std::string program;  // of another version; empty: this one
};

/// Worker processes. They end when this object is destroyed.
class fleet {
 public:
  /// The n-th process contends for the n-th lock. All further processes contend for the last lock.
  fleet(const std::string& url, const std::vector<std::string>& locks, const crew& who);
  fleet(const fleet&) = delete;
  fleet& operator=(const fleet&) = delete;
  ~fleet();

  /// The processes contend between these times.
  void start(std::int64_t begin, std::int64_t end);
  /// The grants, in the order of their tokens. `each`: the number of grants of each process.
  [[nodiscard]] std::vector<grant> grants(std::vector<int>* each = nullptr);
  /// When waiters that were already queued polled again (with a heartbeat), in the time that grants() reports.
  [[nodiscard]] const std::vector<std::int64_t>& looks() const { return looks_; }

 private:
  class process;
  std::vector<std::unique_ptr<process>> all_;
  std::vector<std::int64_t> looks_;
};

}  // namespace bench
