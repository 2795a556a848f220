// Several locks at once, all or none: a transfer between two accounts, while the rates must not change.
#include <chrono>
#include <cstdio>
#include <dlock/dlock.hpp>
#include <thread>

using namespace std::chrono_literals;

namespace {

/// Transfers between two accounts. Somebody else does the reverse transfer at the same time. They cannot deadlock, in
/// any order of the locks.
bool transfer(dlock::client& locks, const char* from, const char* to) {
  dlock::mutex source(locks, from), target(locks, to);
  dlock::shared_mutex rates(locks, "exchange-rates");

  auto got = dlock::acquire_all({source, target, rates.shared()}, {.timeout = 10s});
  if (!got) {
    std::printf("%s: %s\n", got.id().c_str(), to_string(got.result()));
    return false;
  }
  // There is one lease for all locks: they are lost together and released together. Each lock has its own token.
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
