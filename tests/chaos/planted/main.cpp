// planted_test NAME: whether the library, as it is in this process (DLOCK_PLANTED), has that bug. Prints yes or no.
#include <cstdio>
#include <exception>

#include "demonstrations.hpp"

int main(int argc, char** argv) {
  using namespace dlock::testing;
  auto all = of_machines();
  all.merge(of_documents());
  all.merge(of_clients());
  const auto found = argc == 2 ? all.find(argv[1]) : all.end();
  if (found == all.end()) {
    for (const auto& [name, _] : all) std::puts(name.c_str());
    return 2;
  }
  try {
    std::puts(found->second() ? "yes" : "no");
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
  return 0;
}
