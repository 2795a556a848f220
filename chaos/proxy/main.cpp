#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include "proxy.hpp"

int main(int argc, char** argv) try {
  if (argc != 1) {
    std::printf(
        "usage: chaos-proxy\n\n"
        "A TCP proxy before the three members of a replica set. Prints 'ports P0 P1 P2', its ports on 127.0.0.1, "
        "takes\n"
        "commands from its standard input, answers on its standard output, and ends with its standard input.\n\n%s",
        chaos::kCommands);
    return argc == 2 && std::string(argv[1]) == "--help" ? 0 : 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  chaos::proxy p(STDIN_FILENO, STDOUT_FILENO);
  std::printf("ports %d %d %d\n", p.port(0), p.port(1), p.port(2));
  std::fflush(stdout);
  p.run();
} catch (const std::exception& problem) {
  std::fprintf(stderr, "chaos-proxy: %s\n", problem.what());
  return 1;
}
