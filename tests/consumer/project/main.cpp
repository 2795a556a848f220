#include <cstdio>
#include <cstdlib>

#include <dlock/dlock.hpp>

int main() {
  // Never called: that it links is the test.
  if (std::getenv("DLOCK_CONSUMER_CONNECTS") != nullptr) {
    dlock::client client;
    dlock::mutex mutex(client, "consumer");
    (void)mutex;
  }
  std::printf("dlock %s\n", dlock::version());
}
