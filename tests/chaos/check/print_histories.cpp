// dlock_chaos_histories_print COUNT: so many valid histories, and each corruption of them that has a place there. Each
// is a line {"history", "broken", "caught_by", "verdict"}, its events, and an empty line.
#include <iostream>
#include <string>

#include "corrupt.hpp"
#include "generate.hpp"
#include "verdict.hpp"

namespace {

using namespace dlock::chaos;

void print(std::uint64_t seed, const std::string& broken, const std::string& caught_by, const lines& all) {
  json verdict = json::object();
  for (const auto& c : judge(read(all)).checks) verdict[c.name] = c.ok();
  const json head{{"history", seed}, {"broken", broken}, {"caught_by", caught_by}, {"verdict", verdict}};
  std::cout << head.dump() << '\n' << as_text(all) << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  const auto count = argc > 1 ? std::stoull(argv[1]) : 100;
  for (std::uint64_t seed = 1; seed <= count; ++seed) {
    const auto valid = generate(seed);
    print(seed, "", "", valid);
    for (const auto& how : corruptions()) {
      if (const auto broken = how.apply(valid, seed)) print(seed, how.name, how.caught_by, *broken);
    }
  }
}
