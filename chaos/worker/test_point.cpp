#include "util/test_point.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "test_point.hpp"

namespace chaos {
namespace {

constexpr std::array<std::string_view, 6> kPoints{"before-send", "after-send", "committed",
                                                  "heir",        "acquired",   "releasing"};

struct kill_plan {
  std::string point;  // "": none
  std::int64_t nth = 1;
};

kill_plan read_plan() {
  const char* text = std::getenv("DLOCK_KILL_AT");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  kill_plan out;
  if (text == nullptr || *text == '\0') return out;
  const std::string all = text;
  const auto colon = all.find(':');
  out.point = all.substr(0, colon);
  bool good = std::find(kPoints.begin(), kPoints.end(), out.point) != kPoints.end();
  if (colon != std::string::npos) {
    const char* end = all.data() + all.size();
    const auto number = std::from_chars(all.data() + colon + 1, end, out.nth);
    good = good && number.ec == std::errc{} && number.ptr == end && out.nth > 0;
  }
  if (!good) throw std::invalid_argument("DLOCK_KILL_AT: '" + all + "' is no <point>[:<nth>] of test_point.hpp");
  return out;
}

}  // namespace

void check_environment() {
  (void)read_plan();
}

}  // namespace chaos

namespace dlock {

void test_point(const char* name) noexcept {
  static const auto plan = [] {
    try {
      return chaos::read_plan();
    } catch (const std::exception&) {
      std::abort();  // check_environment() says why
    }
  }();
  static std::atomic<std::int64_t> passed{0};
  if (plan.point == name && ++passed == plan.nth) std::raise(SIGKILL);
}

}  // namespace dlock
