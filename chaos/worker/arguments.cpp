#include "arguments.hpp"

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "test_point.hpp"

namespace chaos {

namespace {

/// `url` with the user and the password in DLOCK_CHAOS_LOGIN ("user:password", as in a URL), if there are any:
/// everybody sees arguments.
std::string with_login(std::string url) {
  if (const char* login = std::getenv("DLOCK_CHAOS_LOGIN")) url.insert(url.find("://") + 3, std::string(login) + '@');
  return url;
}

}  // namespace

arguments parse_arguments(int argc, char** argv) {
  arguments out;
  std::string locks, expiry = "server_clock";
  std::vector<int> hold;
  int ttl = 2000, wait_period = 1000, skew = 500, operation_timeout = 10'000;
  CLI::App app{
      "A client of dlock for ./run chaos: acquires, uses and releases locks until its stdin is closed or SIGTERM "
      "comes"};
  app.add_option("--url", out.client.url, "MongoDB connection string; a login goes into DLOCK_CHAOS_LOGIN")->required();
  app.add_option("--name", out.name, "Its name in the history, such as w3.2")->required();
  app.add_option("--resource", out.resource, "The socket of chaos-resource")->required();
  app.add_option("--history", out.history, "Where to write down what happens")->required();
  app.add_option("--seed", out.seed, "Of all that is random");
  app.add_option("--locks", locks, "m0,r0,s0:3,e0: mutexes, shared mutexes, semaphores, elections")->required();
  app.add_option("--local-turns", out.local_turns, "How many threads may use one grant")->check(CLI::Range(1, 999));
  app.add_option("--linger", out.linger, "For how long a lease is kept that nobody uses, in ms");
  app.add_option("--threads", out.threads, "Each with lock objects of its own")->check(CLI::Range(1, 1000));
  app.add_option("--ttl", ttl, "The locks' exp_delta in ms");
  app.add_option("--wait-period", wait_period, "Their wait_lock_period in ms");
  app.add_option("--clock-skew", skew, "The client's clock_skew in ms");
  app.add_option("--expiry", expiry, "The client's expiry")->check(CLI::IsMember({"server_clock", "observed"}));
  app.add_option("--operation-timeout", operation_timeout, "The client's operation_timeout in ms");
  app.add_option("--hold-ms", hold, "How long a lock is held: MIN,MAX")->delimiter(',')->expected(2);
  app.add_option("--max-timeout", out.max_timeout_ms, "Some waits have a time-out, of at most so many ms; 0: none has");
  app.add_option("--try-percent", out.try_percent, "So many attempts are tries")->check(CLI::Range(0, 100));
  app.add_option("--all-percent", out.all_percent, "So many rounds acquire two or three locks")
      ->check(CLI::Range(0, 100));
  app.add_option("--drain-ms", out.drain_ms, "At the end waits may go on for so long")->check(CLI::Range(0, 600'000));
  app.add_flag("--stale", out.stale, "Writes even when it knows that its lock is lost, to show that a run finds that");
  app.add_flag("--final", out.final_round, "Acquires each lock once, in 20 s, prints a JSON line for each, and ends");
  const auto refuse = [&](const CLI::ParseError& e) { std::exit(app.exit(e)); };  // NOLINT(concurrency-mt-unsafe)
  try {
    app.parse(argc, argv);
    check_environment();
    out.client.url = with_login(out.client.url);
    out.locks = parse_locks(locks);
    if (!hold.empty()) out.hold_ms = {hold[0], hold[1]};
    if (out.hold_ms.first < 0 || out.hold_ms.second < out.hold_ms.first) {
      throw std::invalid_argument("--hold-ms: MIN,MAX with 0 <= MIN <= MAX");
    }
  } catch (const CLI::ParseError& e) {
    refuse(e);
  } catch (const std::invalid_argument& e) {
    refuse(CLI::ValidationError(e.what()));
  }
  out.client.exp_delta = std::chrono::milliseconds{ttl};
  out.client.wait_lock_period = std::chrono::milliseconds{wait_period};
  out.client.clock_skew = std::chrono::milliseconds{skew};
  out.client.expiry = expiry == "observed" ? dlock::expiry::observed : dlock::expiry::server_clock;
  out.client.operation_timeout = std::chrono::milliseconds{operation_timeout};
  out.client.connect_timeout = out.client.operation_timeout;
  out.client.who = "$$" + out.name;  // what somebody writes may look like one of the server's expressions
  return out;
}

}  // namespace chaos
