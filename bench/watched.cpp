#include "watched.hpp"

#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <vector>

#include "contended.hpp"
#include "figures.hpp"
#include "fleet.hpp"
#include "raw.hpp"
#include "statistics.hpp"

namespace bench {
namespace {

/// A command that says "ready PID" when it is at work. It ends with this object.
class running {
 public:
  explicit running(const std::string& command) : pipe_(popen(("exec " + command).c_str(), "r")) {
    if (pipe_ == nullptr || std::fscanf(pipe_, "ready %d", &pid_) != 1) throw std::runtime_error("no watchers");
  }
  running(const running&) = delete;
  running& operator=(const running&) = delete;
  ~running() {
    kill(pid_, SIGTERM);
    pclose(pipe_);
  }

 private:
  std::FILE* pipe_;
  int pid_ = 0;
};

}  // namespace

void watched(const std::string& url, const std::string& watchers, int windows, std::chrono::milliseconds length) {
  constexpr int kProcesses = 10, kHold = 10;
  fleet workers(url, {"watched-" + std::to_string(now())}, {.processes = kProcesses, .hold_ms = kHold});
  const auto hand_off = [&] {
    const auto begin = now() + 50'000'000;
    workers.start(begin, begin + std::chrono::nanoseconds(length).count());
    return median(hand_offs(workers.grants()));
  };
  std::vector<double> alone, beside, ratio;
  for (int i = -1; i < windows; ++i) {  // the first one is a warm-up
    const double first = hand_off();
    const running look(watchers);
    const double second = hand_off();
    if (i < 0) continue;
    alone.push_back(first);
    beside.push_back(second);
    ratio.push_back(second / first);
  }
  std::printf(
      "  %d processes, hold %d ms: hand-off %.2f ms, %.2f ms while the page is open and metrics are read, ratio %.3f\n",
      kProcesses, kHold, median(alone) / 1000, median(beside) / 1000, median(ratio));
  std::fflush(stdout);
  figure("watched")("processes", kProcesses)("hold_ms", kHold)("hand_off_us", median(alone))(
      "watched_us", median(beside))("ratio", median(ratio));
}

}  // namespace bench
