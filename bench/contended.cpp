#include "contended.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <dlock/clock.hpp>
#include <map>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "raw.hpp"
#include "statistics.hpp"
#include "worker.hpp"

namespace bench {
namespace {

using namespace std::chrono_literals;

std::int64_t now() { return dlock::boot_clock::now().time_since_epoch().count(); }

/// A worker process, and the pipes to and from it. Ends when its stdin does.
class process {
 public:
  explicit process(std::vector<std::string> arguments) {
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) throw std::runtime_error("no more pipes");
    pid_ = fork();
    if (pid_ < 0) throw std::runtime_error("no more processes");
    if (pid_ == 0) {
      dup2(to[0], 0);
      dup2(from[1], 1);
      std::vector<char*> argv;
      for (auto& a : arguments) argv.push_back(a.data());
      argv.push_back(nullptr);
      execv("/proc/self/exe", argv.data());
      _exit(127);
    }
    close(to[0]);
    close(from[1]);
    in_ = fdopen(to[1], "w");
    out_ = fdopen(from[0], "r");
  }
  process(const process&) = delete;
  process& operator=(const process&) = delete;
  ~process() {
    std::fclose(in_);
    std::fclose(out_);
    waitpid(pid_, nullptr, 0);
  }
  void say(const std::string& line) {
    std::fputs((line + "\n").c_str(), in_);
    std::fflush(in_);
  }
  [[nodiscard]] std::string hear() {
    std::array<char, 200> line{};
    if (std::fgets(line.data(), line.size(), out_) == nullptr) throw std::runtime_error("a worker ended early");
    return line.data();
  }

 private:
  pid_t pid_;
  FILE* in_;
  FILE* out_;
};

class fleet {
 public:
  fleet(const std::string& url, const std::string& lock, int processes, int threads, int hold_ms) {
    for (int i = 0; i < processes; ++i) {
      all_.push_back(std::make_unique<process>(std::vector<std::string>{"dlock-bench", "worker", "--url", url, "--lock", lock, "--threads",
                                                                        std::to_string(threads), "--hold-ms", std::to_string(hold_ms)}));
    }
    for (auto& p : all_) {
      if (p->hear() != "ready\n") throw std::runtime_error("a worker is not ready");
    }
  }
  void start(std::int64_t begin, std::int64_t end) {
    for (auto& p : all_) p->say(std::to_string(begin) + " " + std::to_string(end));
  }
  /// By their tokens.
  [[nodiscard]] std::vector<grant> grants(std::vector<int>* each = nullptr) {
    std::vector<grant> out;
    for (auto& p : all_) {
      int count = 0;
      for (std::string line = p->hear(); line != "done\n"; line = p->hear(), ++count) {
        long long token = 0, asked = 0, queued = 0, acquired = 0, releasing = 0;
        if (std::sscanf(line.c_str(), "%lld %lld %lld %lld %lld", &token, &asked, &queued, &acquired, &releasing) != 5)
          throw std::runtime_error("a worker said: " + line);
        out.push_back({token, asked, queued, acquired, releasing});
      }
      if (each != nullptr) each->push_back(count);
    }
    std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.token < b.token; });
    return out;
  }

 private:
  std::vector<std::unique_ptr<process>> all_;
};

struct floor_times {
  double write_us = 0;   // a raw majority findAndModify
  double insert_us = 0;  // a raw w:1 insert
};

floor_times measure_floor(raw_server::session& raw, std::chrono::milliseconds length) {
  std::vector<double> writes, inserts;
  const auto end = now() + std::chrono::nanoseconds(length).count();
  while (now() < end) {
    const auto t0 = now();
    raw.increment("floor");
    const auto t1 = now();
    raw.insert();
    writes.push_back(static_cast<double>(t1 - t0) / 1000);
    inserts.push_back(static_cast<double>(now() - t1) / 1000);
  }
  return {median(writes), median(inserts)};
}

/// From just before release() to just after the heir's acquire(), in microseconds; where the heir was waiting by then.
std::vector<double> hand_offs(const std::vector<grant>& grants) {
  std::vector<double> out;
  for (std::size_t i = 1; i < grants.size(); ++i) {
    const auto& before = grants[i - 1];
    const auto& heir = grants[i];
    if (heir.queued != 0 && heir.queued < before.releasing) out.push_back(static_cast<double>(heir.acquired - before.releasing) / 1000);
  }
  return out;
}

/// Grants that passed somebody who was queued before they even asked.
int bypasses(const std::vector<grant>& grants) {
  int count = 0;
  std::int64_t queued_later = INT64_MAX;  // the earliest "queued" of those with higher tokens
  for (auto g = grants.rbegin(); g != grants.rend(); ++g) {
    if (queued_later < g->asked) ++count;
    if (g->queued != 0) queued_later = std::min(queued_later, g->queued);
  }
  return count;
}

/// One row of the report.
void measure(const std::string& url, int processes, int threads, int hold_ms, int windows, std::chrono::milliseconds length) {
  raw_server server(url);
  raw_server::session raw(server);
  fleet workers(url, "contended-" + std::to_string(now()), processes, threads, hold_ms);
  std::vector<double> write_us, insert_us, hand_off_us, ratio, rate, per_write, commands;
  int passed = 0;
  for (int i = -1; i < windows; ++i) {  // the first one warms
    const auto f = measure_floor(raw, length);
    const auto begin = now() + 50'000'000;
    const auto end = begin + std::chrono::nanoseconds(length).count();
    workers.start(begin, end);
    // Counted where the queue is full and nobody leaves it: not at the window's ends.
    const auto quarter = (end - begin) / 4;
    std::this_thread::sleep_for(std::chrono::nanoseconds(begin + quarter - now()));
    const auto from = now();
    const auto commands_before = raw.commands();
    std::this_thread::sleep_for(std::chrono::nanoseconds(end - quarter - now()));
    const auto commands_after = raw.commands();
    const auto to = now();
    const auto grants = workers.grants();
    if (i < 0) continue;
    const auto within = std::count_if(grants.begin(), grants.end(), [&](auto& g) { return g.acquired >= from && g.acquired < to; });
    passed += bypasses(grants);
    const double h = median(hand_offs(grants));
    const double grants_per_second = static_cast<double>(within) * 1e9 / static_cast<double>(to - from);
    write_us.push_back(f.write_us);
    insert_us.push_back(f.insert_us);
    hand_off_us.push_back(h);
    ratio.push_back(h / (f.write_us + f.insert_us));
    rate.push_back(grants_per_second);
    per_write.push_back(grants_per_second * f.write_us / 1e6);
    if (within > 0) commands.push_back(static_cast<double>(commands_after - commands_before) / static_cast<double>(within));
  }
  std::printf("  %4d in %3d processes, hold %2d ms: floor %5.2f+%.2f ms, hand-off %6.2f ms, ratio %5.2f; %4.0f grants/s, %4.2f per raw write, "
              "%4.2f commands per grant, %d bypasses\n",
              processes * threads, processes, hold_ms, median(write_us) / 1000, median(insert_us) / 1000, median(hand_off_us) / 1000,
              median(ratio), median(rate), median(per_write), median(commands), passed);
  std::fflush(stdout);
}

}  // namespace

void contended(const std::string& url, int windows, std::chrono::milliseconds length, int most) {
  for (const int hold : {10, 0}) {
    for (const int processes : {2, 10, 100}) {
      if (processes <= most) measure(url, processes, 1, hold, windows, length);
    }
  }
  for (const int threads : {10, 100}) {
    if (10 * threads <= most) measure(url, 10, threads, 0, windows, 10 * threads < 1000 ? length : length * 10);
  }
}

}  // namespace bench
