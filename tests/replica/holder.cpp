// Holds a lock until it is killed: holder URL DB ID TTL_MS [WAIT_LOCK_PERIOD_MS]. Prints the token once it has it.
#include <cstdio>
#include <cstdlib>
#include <thread>

#include <dlock/dlock.hpp>

int main(int argc, char** argv) {
  if (argc != 5 && argc != 6) return 2;
  dlock::client_options o;
  o.url = argv[1];
  o.db = argv[2];
  o.exp_delta = std::chrono::milliseconds(std::atoi(argv[4]));
  if (argc == 6) o.wait_lock_period = std::chrono::milliseconds(std::atoi(argv[5]));
  dlock::client locks(o);
  dlock::mutex lock(locks, argv[3]);
  auto got = lock.acquire();
  std::printf("%lld\n", static_cast<long long>(got->token()));
  std::fflush(stdout);
  std::this_thread::sleep_for(std::chrono::minutes(10));
}
