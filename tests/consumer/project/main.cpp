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
  try {  // from the library, which may be another file than this program
    const dlock::client client({.url = "nonsense"});
  } catch (const dlock::error& e) {
    std::printf("caught: %s\n", dlock::to_string(e.code()));
  }
}
