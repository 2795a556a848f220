#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "simulator/run.hpp"

namespace {

using namespace dlock::simulator;

struct options {
  std::uint64_t first = 1, last = 1000;
  unsigned threads = 1;
  double minutes = 0;  // 0: no limit
  bool print = false, twice = false, sums = false, table = false;
};

std::uint64_t sum_of(std::uint64_t seed) {
  run r(seed, trace::mode::sum);
  try {
    r.go();
  } catch (const std::exception&) {  // the sum covers everything before the failure
  }
  return r.notes().sum();
}

/// Prints the trace of a seed, and at its end the broken rule.
bool show(std::uint64_t seed) {
  run r(seed, trace::mode::print);
  try {
    r.go();
    return true;
  } catch (const std::exception& e) {
    std::printf("BROKEN  %s\n", e.what());
    return false;
  }
}

/// Runs many seeds on several threads. Seeds are independent of each other.
class many {
 public:
  explicit many(const options& how) : how_(how), next_(how.first) {}

  int go() {
    const auto began = std::chrono::steady_clock::now();
    if (how_.minutes > 0) {
      stop_at_ = began + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                             std::chrono::duration<double, std::ratio<60>>(how_.minutes));
    }
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < how_.threads; ++i) threads.emplace_back([this] { work(); });
    threads.clear();
    std::fputs(sum_.text().c_str(), stdout);
    if (how_.table) std::fputs(sum_.table().c_str(), stdout);
    const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    std::printf("%.1f s\n", took);
    if (found_) {
      std::printf("seed %llu: BROKEN %s\n", static_cast<unsigned long long>(found_seed_), found_->c_str());
      std::printf("to see how: ./run simulate --seeds %llu --trace\n", static_cast<unsigned long long>(found_seed_));
      return 1;
    }
    const auto empty = sum_.vacuous();
    for (const auto& why : empty) std::printf("VACUOUS %s\n", why.c_str());
    if (!empty.empty()) return 1;
    std::puts("no rule was broken");
    return 0;
  }

 private:
  void work() {
    for (;;) {
      const auto seed = next_++;
      if (seed > how_.last || over_ || std::chrono::steady_clock::now() >= stop_at_) return;
      run r(seed);
      std::string why;
      try {
        r.go();
      } catch (const std::exception& e) {
        why = e.what();
      }
      const std::lock_guard lock(guard_);
      sum_ += r.seen();
      if (why.empty() || (found_ && found_seed_ < seed)) continue;
      found_ = why;
      found_seed_ = seed;
      over_ = true;
    }
  }

  const options how_;
  std::atomic<std::uint64_t> next_;
  std::atomic<bool> over_ = false;
  std::chrono::steady_clock::time_point stop_at_ = std::chrono::steady_clock::time_point::max();
  std::mutex guard_;
  coverage sum_;
  std::optional<std::string> found_;
  std::uint64_t found_seed_ = 0;
};

/// Parses "5" or "1..1000".
bool parse_seeds(const std::string& text, options& o) {
  const auto dots = text.find("..");
  try {
    std::size_t used = 0;
    const auto first = text.substr(0, dots);
    o.first = o.last = std::stoull(first, &used);
    if (used != first.size()) return false;
    if (dots == std::string::npos) return true;
    const auto last = text.substr(dots + 2);
    o.last = std::stoull(last, &used);
    return used == last.size() && o.first <= o.last;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace

int main(int argc, char** argv) {
  options o;
  CLI::App app{"Runs dlock's client in a simulated world. One seed, one run."};
  std::string seeds = "1..1000";
  app.add_option("--seeds", seeds, "A..B, or one")->check([&](const std::string& text) {
    return parse_seeds(text, o) ? std::string() : "'" + text + "' is not A..B with A <= B";
  });
  app.add_option("--threads", o.threads)->check(CLI::Range(1U, 256U));
  app.add_option("--minutes", o.minutes, "begin no run after so long")->check(CLI::Range(0.01, 10'000.0));
  app.add_flag("--trace", o.print, "print what happens, of the first seed");
  app.add_flag("--coverage", o.table, "print how often each fault happened in each state of a client");
  app.add_flag("--sums", o.sums, "print a sum over the trace of each seed");
  app.add_flag("--twice", o.twice, "run each seed twice, and compare the sums");
  CLI11_PARSE(app, argc, argv);
  (void)parse_seeds(seeds, o);

  if (o.print) return show(o.first) ? 0 : 1;
  if (!o.sums && !o.twice) return many(o).go();
  for (auto seed = o.first; seed <= o.last; ++seed) {
    const auto sum = sum_of(seed);
    if (o.sums)
      std::printf("%llu %016llx\n", static_cast<unsigned long long>(seed), static_cast<unsigned long long>(sum));
    if (o.twice && sum_of(seed) != sum) {
      std::printf("seed %llu is not the same twice\n", static_cast<unsigned long long>(seed));
      return 1;
    }
  }
  if (o.twice) std::puts("the same twice");
  return 0;
}
