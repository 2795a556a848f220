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

constexpr const char* usage =
    "Usage: dlock VERB ...\n"
    "\n"
    "  run [OPTIONS] ID COMMAND...    run a command while holding one distributed lock, or several\n"
    "  elect [OPTIONS] ID COMMAND...  run a command on one host at a time: the elected leader\n"
    "  watch [OPTIONS] [ID...]        print an event whenever a lock is locked or unlocked\n"
    "  ls [OPTIONS]                   list the locks that are held or waited for\n"
    "  show [OPTIONS] ID              show a lock: all its holders and waiters\n"
    "  release --force [OPTIONS] ID   revoke a lock from its holders\n"
    "\n"
    "  -h, --help                     print this help and exit; 'dlock VERB --help' has more\n"
    "  -V, --version                  print the version and exit\n";

int dispatch(const std::vector<std::string>& words, process_title title) {
  if (words.empty()) throw failure("no verb given, such as 'run'; see 'dlock --help'");
  const std::string& verb = words.front();
  if (verb == "-h" || verb == "--help") return print_and_return(exit_ok, usage);
  if (verb == "-V" || verb == "--version") {
    return print_and_return(exit_ok, std::string("dlock ") + dlock::version() + "\n");
  }
  if (verb == "run") return cmd_run({words.begin() + 1, words.end()}, title);
  if (verb == "elect") return cmd_elect({words.begin() + 1, words.end()}, title);
  if (verb == "ls") return cmd_ls({words.begin() + 1, words.end()});
  if (verb == "show") return cmd_show({words.begin() + 1, words.end()});
  if (verb == "release") return cmd_release({words.begin() + 1, words.end()});
  if (verb == "watch") return cmd_watch({words.begin() + 1, words.end()});
  throw failure("unknown verb " + quoted_input(verb) + "; see 'dlock --help'");
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
