#include <iostream>
#include <string>

#include "verbs.hpp"

// pages NAME: prints the source of a manual page, dlock or dlock-VERB, for scdoc. The build calls it.
int main(int argc, char* argv[]) {
  using namespace dlock::cli;
  const std::string name = argc == 2 ? argv[1] : "";
  const std::vector<manual> all = all_manuals();
  std::string source = name == "dlock" ? page_source(all) : "";
  for (const manual& each : all) {
    if (name == "dlock-" + std::string(each.verb)) source = page_source(each);
  }
  std::cout << source << std::flush;
  return !source.empty() && std::cout ? 0 : 1;
}
