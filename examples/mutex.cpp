// Only one at a time, on all machines: a job that must not run twice.
//
//     mutex mongodb://localhost:27017
#include <chrono>
#include <cstdio>
#include <dlock/dlock.hpp>

using namespace std::chrono_literals;

int main(int argc, char** argv) {
  try {
    dlock::client locks({.url = argc > 1 ? argv[1] : "mongodb://localhost:27017"});
    dlock::mutex job(locks, "nightly-report");

    auto got = job.acquire({.timeout = 10s});
    if (!got) {
      const auto who = got.holder() ? dlock::printable(got.holder()->who) : "?";
      std::printf("%s, held by %s\n", to_string(got.result()), who.c_str());
      return 1;
    }
    // The lease is renewed in the background. Stop working when it is lost, and pass the token to everything you
    // change.
    std::printf("working with token %lld\n", static_cast<long long>(got->token()));
    for (int step = 0; step < 3 && !got->lost().stop_requested(); ++step) std::printf("step %d\n", step);

    std::printf("%s\n", got->release() == dlock::release_result::released ? "released" : "it was lost meanwhile");
  } catch (const dlock::error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
