// dlock_demonstrations NAME...: whether the library that this is built with has these bugs (chaos/planted). Prints yes
// or no for each, and without names those that can be shown.
#include <cstdio>
#include <exception>

#include "demonstrations.hpp"

int main(int argc, char** argv) {
  using namespace dlock::testing;
  auto all = of_machines();
  all.merge(of_documents());
  all.merge(of_clients());
  if (argc < 2) {
    for (const auto& [name, _] : all) std::puts(name.c_str());
  }
  for (int i = 1; i < argc; ++i) {
    const auto found = all.find(argv[i]);
    if (found == all.end()) {
      std::fprintf(stderr, "there is no demonstration of '%s'\n", argv[i]);
      return 2;
    }
    try {
      std::printf("%s %s\n", argv[i], found->second() ? "yes" : "no");
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%s: %s\n", argv[i], e.what());
      return 1;
    }
  }
  return 0;
}
