// Several locks at once, all or none: a transfer between two accounts, while the rates stay as they are.
#include <chrono>
#include <cstdio>
#include <dlock/dlock.hpp>
#include <thread>

using namespace std::chrono_literals;

namespace {

/// From one to the other, and somebody else the other way round at the same time: no order can make them deadlock.
bool transfer(dlock::client& locks, const char* from, const char* to) {
  dlock::mutex source(locks, from), target(locks, to);
  dlock::shared_mutex rates(locks, "exchange-rates");

  auto got = dlock::acquire_all({source, target, rates.shared()}, {.timeout = 10s});
  if (!got) {
    std::printf("%s: %s\n", got.id().c_str(), to_string(got.result()));
    return false;
  }
  // One lease for all: lost as one, released as one. Each lock has a token of its own.
  std::printf("%s (%lld) -> %s (%lld)\n", from, static_cast<long long>(got->token(from)), to,
              static_cast<long long>(got->token(to)));
  return got->held() && got->release() == dlock::release_result::released;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    dlock::client locks({.url = argc > 1 ? argv[1] : "mongodb://localhost:27017"});
    bool there = false, back = false;
    {
      const std::jthread one([&] { there = transfer(locks, "account-1", "account-2"); });
      const std::jthread two([&] { back = transfer(locks, "account-2", "account-1"); });
    }
    return there && back ? 0 : 1;
  } catch (const dlock::error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
