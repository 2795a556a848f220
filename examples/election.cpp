// One leader, and others that know where to find it.
#include <chrono>
#include <cstdio>
#include <dlock/dlock.hpp>
#include <future>

using namespace std::chrono_literals;

int main(int argc, char** argv) {
  try {
    dlock::client locks({.url = argc > 1 ? argv[1] : "mongodb://localhost:27017"});
    dlock::election first(locks, "scheduler"), second(locks, "scheduler"), outsider(locks, "scheduler");

    auto watching = outsider.observe([](const std::optional<dlock::leader_info>& who) {
      std::printf("leader: %s\n", who ? dlock::printable(who->value).c_str() : "nobody");
    });

    auto leading = first.campaign("10.0.0.1:8080", {.timeout = 10s});
    if (!leading) return 1;
    auto next = std::async(std::launch::async, [&] { return second.campaign("10.0.0.2:8080", {.timeout = 10s}); });

    // It leads until it resigns, or until leading->lost() reports the loss. That happens before anybody else can be
    // elected.
    const auto leader = outsider.leader();
    std::printf("asked: %s, token %lld\n", leader ? leader->value.c_str() : "nobody",
                static_cast<long long>(leading->token()));
    if (first.resign() != dlock::release_result::released) return 1;

    auto after = next.get();
    if (!after) return 1;
    const auto successor = outsider.leader();
    std::printf("asked: %s, token %lld\n", successor ? successor->value.c_str() : "nobody",
                static_cast<long long>(after->token()));
    return successor && successor->value == "10.0.0.2:8080" ? 0 : 1;
  } catch (const dlock::error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
