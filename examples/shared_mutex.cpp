// Many readers or one writer: a table that is rebuilt from time to time.
#include <chrono>
#include <cstdio>
#include <dlock/dlock.hpp>

using namespace std::chrono_literals;

int main(int argc, char** argv) {
  try {
    dlock::client locks({.url = argc > 1 ? argv[1] : "mongodb://localhost:27017"});
    dlock::shared_mutex writer(locks, "rates"), reader(locks, "rates"), another(locks, "rates");

    auto writing = writer.acquire({.timeout = 10s});
    if (!writing) return 1;
    std::printf("rebuilding; a reader finds it %s\n", to_string(reader.try_acquire_shared().result()));

    // The changes are done, but the data is still read. Readers may enter now, and no writer gets in between.
    if (writer.downgrade() != dlock::downgrade_result::downgraded) return 1;
    auto one = reader.acquire_shared({.timeout = 10s});
    auto two = another.acquire_shared({.timeout = 10s});
    std::printf("checking it together with %s and %s\n", one ? "one" : "nobody", two ? "another" : "nobody");

    // There is no upgrade: two readers that want to write would wait for each other forever.
    std::printf("a reader who wants to write: %s\n", to_string(reader.acquire().result()));
  } catch (const dlock::error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
