// Coroutines that wait for a lock, with Asio: one thread serves all of them. Built with standalone Asio and with
// Boost.Asio.
//
//     asio mongodb://localhost:27017
#include <chrono>
#include <cstdio>
#include <dlock/asio.hpp>
#include <dlock/dlock.hpp>

#ifdef DLOCK_BOOST_ASIO
#include <boost/asio.hpp>
namespace asio = boost::asio;
#else
#include <asio.hpp>
#endif

using namespace std::chrono_literals;

asio::awaitable<void> work(dlock::client& locks, int number) {
  dlock::mutex job(locks, "async-job");
  auto got = co_await dlock::async_acquire(job, {.timeout = 10s}, asio::use_awaitable);
  if (!got) {
    std::printf("%d: %s\n", number, to_string(got.result()));
    co_return;
  }
  std::printf("%d: working with token %lld\n", number, static_cast<long long>(got->token()));
  asio::steady_timer pause(co_await asio::this_coro::executor, 20ms);
  co_await pause.async_wait(asio::use_awaitable);
  const auto how = co_await dlock::async_release(*got, asio::use_awaitable);
  std::printf("%d: %s\n", number, how == dlock::release_result::released ? "released" : "it was lost meanwhile");
}

int main(int argc, char** argv) {
  try {
    dlock::client locks({.url = argc > 1 ? argv[1] : "mongodb://localhost:27017"});
    asio::io_context context;
    int failed = 0;
    for (int number = 1; number <= 3; ++number) {
      asio::co_spawn(context, work(locks, number), [&](std::exception_ptr e) {
        if (e) ++failed;
      });
    }
    context.run();
    return failed == 0 ? 0 : 1;
  } catch (const dlock::error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
