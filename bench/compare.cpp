#include "compare.hpp"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <thread>

#include "contended.hpp"
#include "figures.hpp"
#include "raw.hpp"
#include "statistics.hpp"

namespace bench {
namespace {

using namespace std::chrono_literals;

struct sample {
  double hand_off_us = 0;  // of a mutex
  double grants_per_s = 0;
  double cpu_us = 0;    // of the primary, for each grant
  double commands = 0;  // for each grant, with all polls
};

/// Counts only while the queue is full and nobody leaves it: not at the ends of the window.
sample measure(fleet& workers, const crew& who, raw_server::session& raw, std::chrono::milliseconds length) {
  const auto begin = now() + 50'000'000;
  const auto span = std::chrono::nanoseconds(length).count();
  workers.start(begin, begin + span);
  const auto sleep_until = [](std::int64_t when) {
    std::this_thread::sleep_for(std::chrono::nanoseconds(when - now()));
  };
  sleep_until(begin + span / 3);
  const auto from = now(), cpu = raw.cpu_us(), commands = raw.commands();
  sleep_until(begin + span - span / 6);
  const auto commands_after = raw.commands(), cpu_after = raw.cpu_us(), to = now();
  auto grants = workers.grants();
  std::erase_if(grants, [&](const grant& g) { return g.acquired < from || g.acquired >= to; });
  const auto each = static_cast<double>(std::max<std::size_t>(grants.size(), 1));
  return {who.kind == "mutex" ? median(hand_offs(grants)) : 0,
          static_cast<double>(grants.size()) * 1e9 / static_cast<double>(to - from),
          static_cast<double>(cpu_after - cpu) / each, static_cast<double>(commands_after - commands) / each};
}

/// Until raw writes take about as long as before any work, at most a minute: a crowd leaves much to do behind.
void settle(raw_server::session& raw, double usual_us) {
  const auto give_up = now() + 60'000'000'000;
  for (int quick = 0; quick < 10 && now() < give_up;) {
    std::this_thread::sleep_for(20ms);
    const auto t0 = now();
    raw.increment("floor");
    quick = static_cast<double>(now() - t0) / 1000 < 3 * usual_us ? quick + 1 : 0;
  }
}

std::vector<double> all(const std::vector<sample>& of, double sample::*what) {
  std::vector<double> out;
  for (const auto& s : of) out.push_back(s.*what);
  return out;
}

/// Of one version to another, window by window. 0: there was nothing to compare.
struct ratio {
  double middle = 0, least = 0, most = 0;
};

ratio ratio_of(const std::vector<sample>& these, const std::vector<sample>& base, double sample::*what) {
  std::vector<double> each;
  for (std::size_t i = 0; i < these.size(); ++i) {
    if (base[i].*what > 0) each.push_back(these[i].*what / base[i].*what);
  }
  if (each.empty()) return {};
  return {median(each), *std::min_element(each.begin(), each.end()), *std::max_element(each.begin(), each.end())};
}

}  // namespace

void compare(const std::string& url, const std::vector<version>& versions, const crew& who, int windows,
             std::chrono::milliseconds length) {
  raw_server server(url);
  raw_server::session raw(server);
  std::vector<std::unique_ptr<fleet>> fleets;
  for (const auto& v : versions) {
    crew workers = who;
    workers.program = v.program;
    fleets.push_back(std::make_unique<fleet>(url, std::vector{"compare-" + std::to_string(now())}, workers));
  }
  std::vector<std::vector<sample>> samples(versions.size());
  std::vector<double> writes, inserts;
  const double usual_us = measure_floor(raw, 500ms, 0ms).write_us;
  for (int i = -1; i < windows; ++i) {  // the first window is a warm-up
    const auto floor = measure_floor(raw, std::min(length, 500ms), 0ms);
    for (std::size_t k = 0; k < versions.size(); ++k) {
      const auto v = (k + static_cast<std::size_t>(i + 1)) % versions.size();  // each is the first in some windows
      const auto got = measure(*fleets[v], who, raw, length);
      settle(raw, usual_us);
      if (i >= 0) samples[v].push_back(got);
    }
    if (i < 0) continue;
    writes.push_back(floor.write_us);
    inserts.push_back(floor.insert_us);
  }
  std::printf(
      "  %d processes, %d threads each, %s, hold %d ms; raw write %.2f ms\n"
      "    each ratio: to %s in the same window, median (least to most)\n",
      who.processes, who.threads, who.kind.c_str(), who.hold_ms, median(writes) / 1000, versions.front().name.c_str());
  for (std::size_t v = 0; v < versions.size(); ++v) {
    const auto handed = ratio_of(samples[v], samples.front(), &sample::hand_off_us);
    const auto rate = ratio_of(samples[v], samples.front(), &sample::grants_per_s);
    const auto cpu = ratio_of(samples[v], samples.front(), &sample::cpu_us);
    const double hand_off_us = median(all(samples[v], &sample::hand_off_us));
    const double grants = median(all(samples[v], &sample::grants_per_s));
    const double cpu_us = median(all(samples[v], &sample::cpu_us));
    const double commands = median(all(samples[v], &sample::commands));
    std::printf(
        "    %-8s hand-off %7.2f ms %5.2f (%.2f to %.2f); %6.0f grants/s %5.2f (%.2f to %.2f); primary's CPU for a "
        "grant %6.2f ms %5.2f (%.2f to %.2f); %.2f commands\n",
        versions[v].name.c_str(), hand_off_us / 1000, handed.middle, handed.least, handed.most, grants, rate.middle,
        rate.least, rate.most, cpu_us / 1000, cpu.middle, cpu.least, cpu.most, commands);
    figure("compare")("version", versions[v].name)("kind", who.kind)("processes", who.processes)(
        "threads", who.threads)("hold_ms", who.hold_ms)("windows", windows)("write_us", median(writes))(
        "insert_us", median(inserts))("hand_off_us", hand_off_us)("hand_off_ratio", handed.middle)(
        "hand_off_least", handed.least)("hand_off_most", handed.most)("grants_per_s", grants)(
        "grants_ratio", rate.middle)("grants_least", rate.least)("grants_most", rate.most)("cpu_us", cpu_us)(
        "cpu_ratio", cpu.middle)("cpu_least", cpu.least)("cpu_most", cpu.most)("commands", commands);
  }
  std::fflush(stdout);
}

}  // namespace bench
