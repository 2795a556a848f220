// The cost of a lock, as ratios to the raw commands in the same run. Short windows of both are interleaved, so that
// changes of the machine's speed affect both equally. The results are medians over the windows.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "async.hpp"
#include "compare.hpp"
#include "contended.hpp"
#include "figures.hpp"
#include "holding.hpp"
#include "local.hpp"
#include "modes.hpp"
#include "shared.hpp"
#include "uncontended.hpp"
#include "watched.hpp"
#include "worker.hpp"

int main(int argc, char** argv) {
  CLI::App app{"Measures dlock against the raw MongoDB commands it stands on"};
  app.require_subcommand(1);
  std::string url, title = "server", json, mode = "plain";
  app.add_option("--json", json, "Append the figures to this file, a line of JSON each");
  int windows = 9, length = 1000;
  const auto common = [&](CLI::App* verb) {
    verb->add_option("--url", url, "MongoDB connection string")->required();
    verb->add_option("--title", title, "What kind of server it is, for the report");
    verb->add_option("--windows", windows, "How many windows of each kind")->check(CLI::Range(1, 1000));
    verb->add_option("--window-ms", length, "Their length")->check(CLI::Range(100, 60000));
    return verb;
  };
  auto* names = app.add_subcommand("modes", "Print the names of the modes");
  const auto with_mode = [&](CLI::App* verb) {
    verb->add_option("--mode", mode, "How the lock is used: one of those that `modes` prints");
    return verb;
  };
  auto* pairs = with_mode(common(app.add_subcommand("uncontended", "Acquire and release a free lock")));
  auto* holds = common(app.add_subcommand("holding", "What it costs the server that locks are held"));
  std::vector<int> sizes{10, 100, 1000};
  holds->add_option("--locks", sizes, "How many")->check(CLI::Range(1, 100'000))->delimiter(',');
  std::vector<std::string> kinds{"mutexes", "readers"};
  holds->add_option("--kind", kinds, "Of what")->check(CLI::IsMember({"mutexes", "readers"}))->delimiter(',');
  int ttl = 5000;
  holds->add_option("--ttl-ms", ttl, "Their TTL")->check(CLI::Range(200, 3'600'000));
  auto* queues = with_mode(common(app.add_subcommand("contended", "Hand a lock over in a queue")));
  int least = 2, most = 1000;
  queues->add_option("--least", least, "Leave out what needs fewer contenders")->check(CLI::Range(2, 1000));
  queues->add_option("--most", most, "Leave out what needs more contenders")->check(CLI::Range(2, 1000));
  auto* readers = common(app.add_subcommand("shared", "Many readers of one lock"));
  auto* shares = app.add_subcommand("fairness", "Who gets how much of a lock");
  shares->add_option("--url", url, "MongoDB connection string")->required();
  shares->add_option("--title", title, "What kind of server it is, for the report");
  int grants = 10'000;
  shares->add_option("--grants", grants, "How many grants")->check(CLI::Range(100, 1'000'000));
  auto* others =
      common(app.add_subcommand("bystanders", "What a hand-off costs the server while others wait elsewhere"));
  auto* waits = app.add_subcommand("async", "Many asynchronous calls that wait in one process");
  waits->add_option("--url", url, "MongoDB connection string")->required();
  waits->add_option("--title", title, "What kind of server it is, for the report");
  waits->add_option("--window-ms", length, "How long they are watched")->check(CLI::Range(100, 600'000));
  int calls = 10'000, of = 50;
  waits->add_option("--calls", calls, "How many calls")->check(CLI::Range(1, 1'000'000));
  waits->add_option("--locks", of, "How many locks they wait for")->check(CLI::Range(1, 10'000));
  auto* local = common(app.add_subcommand("local", "Pass a lock on inside a process"));
  int local_threads = 1000;
  local->add_option("--threads", local_threads, "How many threads want it")->check(CLI::Range(1, 10'000));
  auto* looks = common(app.add_subcommand("watched", "Hand a lock over while somebody looks"));
  std::string watchers;
  looks->add_option("--watchers", watchers, "The command that looks: see bench/watchers.py")->required();
  auto* versions = common(app.add_subcommand("compare", "The same work by several versions of this program, in turn"));
  std::vector<std::string> with;
  versions->add_option("--with", with, "NAME=PROGRAM: another one")->required();
  bench::crew crew;
  crew.processes = 10;
  std::string here = "dlock";
  versions->add_option("--name", here, "The name of this one");
  versions->add_option("--processes", crew.processes, "How many for each version")->check(CLI::Range(1, 1000));
  versions->add_option("--threads", crew.threads, "Of each process")->check(CLI::Range(1, 1000));
  versions->add_option("--hold-ms", crew.hold_ms, "How long they hold the lock")->check(CLI::Range(0, 60'000));
  versions->add_option("--kind", crew.kind, "Of lock")->check(CLI::IsMember({"mutex", "shared", "semaphore"}));
  bench::work work;
  auto* worker = app.add_subcommand("worker", "One of the contending processes; contended starts them")->group("");
  worker->add_option("--url", work.url)->required();
  worker->add_option("--lock", work.lock)->required();
  worker->add_option("--threads", work.threads)->required();
  worker->add_option("--hold-ms", work.hold_ms)->required();
  worker->add_option("--mode", work.mode)->required();
  worker->add_option("--kind", work.kind);
  CLI11_PARSE(app, argc, argv);
  bench::write_figures_to(json);
  try {
    if (*worker) return bench::run_worker(work);
    if (*pairs) {
      std::printf("%s: an uncontended acquire+release pair, medians of %d interleaved windows of %d ms\n",
                  title.c_str(), windows, length);
      for (const int threads : {1, 4, 16}) {
        bench::uncontended(url, mode, threads, windows, std::chrono::milliseconds{length});
      }
    } else if (*names) {
      for (const auto& m : bench::modes) std::printf("%s\n", m.name);
    } else if (*holds) {
      std::printf("%s: locks that are held, watched for %d ms\n", title.c_str(), length);
      for (const auto& kind : kinds) {
        for (const int n : sizes) {
          bench::holding(url, n, kind == "readers", std::chrono::milliseconds{ttl}, std::chrono::milliseconds{length});
        }
      }
    } else if (*local) {
      std::printf("%s: a lock that passes on inside a process, medians of %d windows of %d ms\n", title.c_str(),
                  windows, 2 * length);
      bench::local(url, local_threads, windows, std::chrono::milliseconds{length});
    } else if (*versions) {
      std::printf("%s: versions, %d windows of %d ms for each, in turn\n", title.c_str(), windows, length);
      std::vector<bench::version> all{{here, ""}};
      for (const auto& each : with) {
        const auto is = each.find('=');
        if (is == std::string::npos) throw std::runtime_error("--with " + each + ": it is NAME=PROGRAM");
        all.push_back({each.substr(0, is), each.substr(is + 1)});
      }
      bench::compare(url, all, crew, windows, std::chrono::milliseconds{length});
    } else if (*looks) {
      std::printf("%s: hand-offs, medians of %d windows of %d ms with and without watchers, in turn\n", title.c_str(),
                  windows, length);
      bench::watched(url, watchers, windows, std::chrono::milliseconds{length});
    } else if (*waits) {
      std::printf("%s: asynchronous calls, watched for %d ms\n", title.c_str(), length);
      bench::async(url, calls, of, std::chrono::milliseconds{length});
    } else if (*readers) {
      std::printf("%s: a shared lock, medians of %d interleaved windows of %d ms\n", title.c_str(), windows, length);
      for (const int n : {1, 10, 100}) bench::shared(url, n, windows, std::chrono::milliseconds{length});
    } else if (*shares) {
      std::printf("%s: fairness\n", title.c_str());
      bench::fairness(url, 20, grants);
    } else if (*others) {
      std::printf("%s: hand-offs beside waiters on other locks\n", title.c_str());
      bench::bystanders(url, {2, 200}, std::chrono::milliseconds{length});
    } else {
      std::printf("%s: a queue, medians of %d windows of %d ms, interleaved with the raw commands\n", title.c_str(),
                  windows, length);
      bench::contended(url, mode, windows, std::chrono::milliseconds{length}, least, most);
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "dlock-bench: %s\n", e.what());
    return 1;
  }
  return 0;
}
