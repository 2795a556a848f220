// What a guarded resource does with fencing tokens. It keeps two numbers, and refuses every late holder, even one that
// was frozen beyond its lease and does not know it.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <dlock/dlock.hpp>

using namespace std::chrono_literals;

namespace {

/// This class stands for your database, file server or device. It keeps the numbers together with the data.
class resource {
 public:
  [[nodiscard]] bool read(std::int64_t token) {
    if (token < highest_exclusive_) return false;  // a writer came after this reader
    highest_ = std::max(highest_, token);
    return true;
  }
  [[nodiscard]] bool write(std::int64_t token) {
    if (token < highest_) return false;  // somebody came after this writer
    highest_ = highest_exclusive_ = token;
    return true;
  }

 private:
  std::int64_t highest_ = 0, highest_exclusive_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    dlock::client locks({.url = argc > 1 ? argv[1] : "mongodb://localhost:27017"});
    resource guarded;
    dlock::shared_mutex a(locks, "guarded"), b(locks, "guarded"), w(locks, "guarded");
    const auto token_of = [](dlock::acquisition got) { return got ? got->token() : 0; };  // and releases it again

    const auto one = token_of(a.acquire_shared({.timeout = 10s}));
    const auto two = token_of(b.acquire_shared({.timeout = 10s}));
    const auto three = token_of(w.acquire({.timeout = 10s}));
    const bool right = guarded.read(two) && guarded.read(one) &&        // readers in any order
                       guarded.write(three) && guarded.write(three) &&  // a writer, twice
                       !guarded.read(two) && !guarded.write(one);       // too late
    std::printf("tokens %lld, %lld, %lld: %s\n", static_cast<long long>(one), static_cast<long long>(two),
                static_cast<long long>(three), right ? "late ones are refused" : "something is wrong");
    return right ? 0 : 1;
  } catch (const dlock::error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
