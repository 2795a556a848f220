#include <unistd.h>

#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include <dlock/version.hpp>

#include "exit_codes.hpp"
#include "output.hpp"
#include "text.hpp"
#include "verbs.hpp"

namespace {

using namespace dlock::cli;

int dispatch(const std::vector<std::string>& words, process_title title) {
  if (words.empty()) throw failure("no verb given, such as 'run'; see 'dlock --help'");
  const std::string& name = words.front();
  if (name == "-h" || name == "--help") return print_and_return(exit_ok, help_text(all_manuals()));
  if (name == "-V" || name == "--version") {
    return print_and_return(exit_ok, std::string("dlock ") + dlock::version() + "\n");
  }
  for (const verb& each : all_verbs()) {
    if (each.name == name) return each.run({words.begin() + 1, words.end()}, title);
  }
  throw failure("unknown verb " + quoted_input(name) + "; see 'dlock --help'");
}

}  // namespace

int main(int argc, char* argv[]) {
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  process_title title;
  if (argc > 0) {
    const char* const end = argv[argc - 1] + std::strlen(argv[argc - 1]) + 1;
    title = {.begin = argv[0], .size = static_cast<std::size_t>(end - argv[0])};
  }
  try {
    return dispatch(words, title);
  } catch (const std::exception& problem) {
    complain(problem.what());
    // If the server is out of reach, there may be threads of the driver, and exit() would wait for them.
    _exit(exit_failed);
  }
}
