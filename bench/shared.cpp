#include "shared.hpp"

#include <cstdio>
#include <dlock/dlock.hpp>
#include <memory>
#include <stdexcept>
#include <vector>

#include "figures.hpp"
#include "raw.hpp"
#include "statistics.hpp"
#include "window.hpp"

namespace bench {

void shared(const std::string& url, int readers, int windows, std::chrono::milliseconds length) {
  raw_server raw(url);
  dlock::client locks({.url = url, .db = "dlock_bench", .exp_delta = std::chrono::seconds{30}});
  std::vector<std::unique_ptr<raw_server::session>> sessions;
  std::vector<std::unique_ptr<dlock::shared_mutex>> each;
  for (int t = 0; t < readers; ++t) {
    sessions.push_back(std::make_unique<raw_server::session>(raw));
    each.push_back(std::make_unique<dlock::shared_mutex>(locks, "shared"));
  }
  const auto raw_pair = [&](int t) {
    for (int i = 0; i < 2; ++i) sessions[static_cast<std::size_t>(t)]->increment("raw-shared");
  };
  const auto lock_pair = [&](int t) {
    auto got = each[static_cast<std::size_t>(t)]->acquire_shared();
    if (!got || got->release() != dlock::release_result::released) throw std::runtime_error("no shared lock");
  };
  run(readers, length, raw_pair);  // warm-up
  run(readers, length, lock_pair);
  std::vector<double> raw_rate, lock_rate, ratio;
  for (int i = 0; i < windows; ++i) {
    const auto r = run(readers, length, raw_pair);
    const auto l = run(readers, length, lock_pair);
    raw_rate.push_back(r.pairs_per_second);
    lock_rate.push_back(l.pairs_per_second);
    ratio.push_back(l.pairs_per_second / r.pairs_per_second);
  }
  std::printf(
      "  %3d readers of one lock: %6.0f acquire+release /s; on one document %6.0f pairs of raw commands /s; "
      "throughput ratio %.2f\n",
      readers, median(lock_rate), median(raw_rate), median(ratio));
  std::fflush(stdout);
  figure("shared")("readers", readers)("pairs_per_s", median(lock_rate))("raw_pairs_per_s", median(raw_rate))(
      "rate_ratio", median(ratio));
}

}  // namespace bench
