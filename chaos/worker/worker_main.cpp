// A client process of ./run chaos.
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <thread>

#include "arguments.hpp"
#include "rounds.hpp"

namespace chaos {
namespace {

using namespace std::chrono_literals;

/// Its signals, as something to poll. To be made before any thread, so that all block them.
int signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int each : {SIGTERM, SIGINT, SIGUSR1}) sigaddset(&set, each);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signal(SIGCHLD, SIG_IGN);  // nobody waits for its children
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/// Whether the run is to end: within `patience`, if it is to end.
bool told_to_end(int signals, forking& forks, int patience_ms) {
  std::array<pollfd, 2> fds{{{signals, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}}};
  if (poll(fds.data(), fds.size(), patience_ms) <= 0) return false;
  signalfd_siginfo got{};
  while (read(signals, &got, sizeof got) == static_cast<ssize_t>(sizeof got)) {
    if (got.ssi_signo != SIGUSR1) return true;
    forks.ask_for_one();
  }
  std::array<char, 256> unused{};
  return fds[1].revents != 0 && read(STDIN_FILENO, unused.data(), unused.size()) <= 0;
}

void log(dlock::log_level, std::string_view message) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(message.size()), message.data());
}

/// The server may be down just now.
std::unique_ptr<dlock::client> connect(const arguments& given, int signals, forking& forks) {
  for (;;) {
    try {
      return std::make_unique<dlock::client>(given.client);
    } catch (const dlock::error& e) {
      std::fprintf(stderr, "chaos-worker %s: %s\n", given.name.c_str(), e.what());
      if (!e.retryable()) throw;
    }
    if (told_to_end(signals, forks, 100)) return nullptr;
  }
}

int work(arguments given) {
  const int from = signals();
  forking forks;
  given.client.log = log;
  auto& into = *new history(given.history, given.name);  // a callback may come at the very end
  auto locks = connect(given, from, forks);
  if (!locks) return given.final_round ? 1 : 0;
  run with{.given = given, .locks = *locks, .into = into, .forks = forks};
  if (given.final_round) return final_round(with) ? 0 : 1;
  std::vector<std::jthread> threads;
  with.going = given.threads;
  for (int i = 0; i < given.threads; ++i) {
    threads.emplace_back([&with, i] {
      rounds(with, i).go();
      --with.going;
    });
  }
  while (!told_to_end(from, forks, -1)) {
  }
  with.ending = true;
  std::atomic<bool> overdue{false};
  std::jthread limit([&](const std::stop_token& stop) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds{given.drain_ms};
    while (!stop.stop_requested() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(10ms);
    overdue = with.going > 0;
    if (overdue) into.write("overdue", {{"waiting", with.going.load()}});
    with.cancel.request_stop();
  });
  threads.clear();
  return overdue ? 3 : 0;
}

}  // namespace
}  // namespace chaos

int main(int argc, char** argv) {
  try {
    return chaos::work(chaos::parse_arguments(argc, argv));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "chaos-worker: %s\n", e.what());
    return 1;
  }
}
