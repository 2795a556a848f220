#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "worker.hpp"

namespace bench {

/// Worker processes. They end with this object.
class fleet {
 public:
  /// The n-th process contends for the n-th lock; the last lock is for all that are left.
  fleet(const std::string& url, const std::vector<std::string>& locks, int processes, int threads, int hold_ms);
  fleet(const fleet&) = delete;
  fleet& operator=(const fleet&) = delete;
  ~fleet();

  /// They contend between these times.
  void start(std::int64_t begin, std::int64_t end);
  /// What came of it, by tokens; `each`: how many by process.
  [[nodiscard]] std::vector<grant> grants(std::vector<int>* each = nullptr);
  /// When somebody who was queued already looked again (a heartbeat) in what grants() told of.
  [[nodiscard]] const std::vector<std::int64_t>& looks() const { return looks_; }

 private:
  class process;
  std::vector<std::unique_ptr<process>> all_;
  std::vector<std::int64_t> looks_;
};

}  // namespace bench
