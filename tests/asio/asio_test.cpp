#include "asio/asio_test.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <stdexcept>
#include <thread>

/// What Asio's completion tokens make of a call. Whether the call itself is right is tested elsewhere.
namespace dlock::testing {
namespace {

using namespace net::experimental::awaitable_operators;

/// Runs a coroutine to its end. Rethrows what it threw.
template <typename T>
void run(net::io_context& context, net::awaitable<T> what) {
  std::exception_ptr failure;
  bool ended = false;
  net::co_spawn(context, std::move(what), [&](std::exception_ptr e, auto&&...) {
    failure = std::move(e);
    ended = true;
  });
  context.run();
  if (failure) std::rethrow_exception(failure);
  EXPECT_TRUE(ended);
}

TEST(Asio, ACoroutineAcquiresEveryKind) {
  world w;
  net::io_context context;
  run(context, [](world& in) -> net::awaitable<void> {
    mutex job(*in.locks, "job");
    auto got = co_await async_acquire(job, {}, net::use_awaitable);
    EXPECT_TRUE(got && got->held());
    EXPECT_EQ((co_await async_try_acquire(mutex(*in.locks, "job"), net::use_awaitable)).result(), outcome::busy);
    EXPECT_EQ(co_await async_release(*got, net::use_awaitable), release_result::released);
    shared_mutex rates(*in.locks, "rates"), more(*in.locks, "rates");
    auto reading = co_await async_acquire(rates.shared(), {}, net::use_awaitable);
    EXPECT_TRUE(reading);
    EXPECT_EQ((co_await async_try_acquire(more.exclusive(), net::use_awaitable)).result(), outcome::busy);
    semaphore slots(*in.locks, "slots", 3);
    auto two = co_await async_acquire(slots.take(2), {}, net::use_awaitable);
    EXPECT_TRUE(two);
    EXPECT_EQ((co_await async_try_acquire(slots.take(2), net::use_awaitable)).result(), outcome::busy);
    election cluster(*in.locks, "cluster");
    auto leads = co_await async_campaign(cluster, "here", {}, net::use_awaitable);
    EXPECT_TRUE(leads);
  }(w));
}

TEST(Asio, AFailureIsThrown) {
  world w;
  net::io_context context;
  w.store->inject({.what = fault::kind::refused, .code = errc::not_authorized});
  const auto e = error_of([&] {
    run(context, [](world& in) -> net::awaitable<void> {
      mutex lock(*in.locks, "lock");
      (void)co_await async_acquire(lock, {}, net::use_awaitable);
    }(w));
  });
  EXPECT_EQ(e.code(), errc::not_authorized);
}

TEST(Asio, WhatCannotBeginFailsInTheHandler) {
  world w;
  mutex lock(*w.locks, "lock");
  w.locks->close();
  net::io_context context;
  std::exception_ptr failure;
  async_acquire(lock, {}, net::bind_executor(context, [&](std::exception_ptr e, const acquisition&) { failure = e; }));
  EXPECT_FALSE(failure) << "not inline";
  context.run();
  ASSERT_TRUE(failure);
  EXPECT_EQ(error_of([&] { std::rethrow_exception(failure); }).code(), errc::closed);
  lease none;
  auto released = async_release(none, net::use_future);
  EXPECT_EQ(error_of([&] { (void)released.get(); }).code(), errc::invalid_argument);
}

TEST(Asio, AFutureHasIt) {
  world w;
  mutex lock(*w.locks, "lock");
  auto got = async_acquire(lock, {}, net::use_future).get();
  ASSERT_TRUE(got);
  EXPECT_EQ(async_acquire(lock, {}, net::use_future).get().result(), outcome::already_held);
  EXPECT_EQ(async_release(*got, net::use_future).get(), release_result::released);
}

TEST(Asio, TheHandlerRunsOnItsExecutorWhichHasWorkUntilThen) {
  world w;
  auto other = w.another();
  auto held = mutex(other, "lock").try_acquire();
  mutex lock(*w.locks, "lock");
  net::io_context context;
  int calls = 0;
  std::thread::id thread;
  async_acquire(lock, {}, net::bind_executor(net::make_strand(context), [&](std::exception_ptr, acquisition got) {
                  EXPECT_TRUE(got);
                  ++calls;
                  thread = std::this_thread::get_id();
                }));
  ASSERT_TRUE(eventually([&] { return waiters(w) == 1; }));
  EXPECT_EQ(context.poll(), 0u);
  EXPECT_FALSE(context.stopped()) << "it has work";
  EXPECT_EQ(held->release(), release_result::released);
  context.run();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(thread, std::this_thread::get_id());
}

/// Counts what is allocated with it.
template <typename T>
struct counting {
  using value_type = T;
  std::array<std::atomic<int>, 2>* counts;

  explicit counting(std::array<std::atomic<int>, 2>& c) : counts(&c) {}
  template <typename U>
  counting(const counting<U>& other) : counts(other.counts) {}  // NOLINT(google-explicit-constructor)
  T* allocate(std::size_t n) {
    ++(*counts)[0];
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* p, std::size_t n) {
    ++(*counts)[1];
    std::allocator<T>().deallocate(p, n);
  }
  bool operator==(const counting&) const = default;
};

TEST(Asio, TheMemoryIsOfTheHandlersAllocatorAndFreeWhenItRuns) {
  world w;
  mutex lock(*w.locks, "lock");
  net::io_context context;
  std::array<std::atomic<int>, 2> counts{};
  const auto handler = [&](std::exception_ptr, const acquisition&) { EXPECT_EQ(counts[0], counts[1]); };
  async_acquire(lock, {}, net::bind_executor(context, net::bind_allocator(counting<char>(counts), handler)));
  EXPECT_GE(counts[0], 1);
  context.run();
  EXPECT_GE(counts[1], 2) << "the operation, and what was posted";
}

TEST(Asio, AMoveOnlyHandlerIsEnough) {
  world w;
  mutex lock(*w.locks, "lock");
  net::io_context context;
  bool called = false;
  async_try_acquire(lock, net::bind_executor(context, [&, own = std::make_unique<int>(1)](std::exception_ptr, auto&&) {
                      called = *own == 1;
                    }));
  context.run();
  EXPECT_TRUE(called);
}

TEST(Asio, AnyTypeOfCancellationEndsTheWait) {
  world w;
  auto other = w.another();
  auto held = mutex(other, "lock").try_acquire();
  for (const auto type :
       {net::cancellation_type::terminal, net::cancellation_type::partial, net::cancellation_type::total}) {
    net::io_context context;
    net::cancellation_signal signal;
    std::optional<outcome> what;
    async_acquire(mutex(*w.locks, "lock"), {},
                  net::bind_cancellation_slot(
                      signal.slot(), net::bind_executor(context, [&](std::exception_ptr, const acquisition& got) {
                        what = got.result();
                        EXPECT_FALSE(signal.slot().has_handler());
                      })));
    ASSERT_TRUE(eventually([&] { return waiters(w) == 1; }));
    signal.emit(type);
    context.run();
    EXPECT_EQ(what, outcome::cancelled);
    EXPECT_TRUE(eventually([&] { return waiters(w) == 0; }));
  }
}

TEST(Asio, TheStopTokenOfTheOptionsWorksAsWell) {
  world w;
  auto other = w.another();
  auto held = mutex(other, "lock").try_acquire();
  std::stop_source stop;
  auto got = async_acquire(mutex(*w.locks, "lock"), {.stop = stop.get_token()}, net::use_future);
  ASSERT_TRUE(eventually([&] { return waiters(w) == 1; }));
  stop.request_stop();
  EXPECT_EQ(got.get().result(), outcome::cancelled);
}

TEST(Asio, OneOfTwoInACoroutine) {
  world w;
  auto held = mutex(*w.locks, "lock").try_acquire();
  net::io_context context;
  run(context, [](world& in) -> net::awaitable<void> {
    net::steady_timer timer(co_await net::this_coro::executor, 50ms);
    const auto first = co_await (async_acquire(mutex(*in.locks, "lock"), {}, net::use_awaitable) ||
                                 timer.async_wait(net::use_awaitable));
    EXPECT_EQ(first.index(), 1u);
  }(w));
  EXPECT_TRUE(eventually([&] { return waiters(w) == 0; }));
}

TEST(Asio, ManyCoroutinesTakeTurnsOnOneThread) {
  world w(world::patient());
  net::io_context context;
  int inside = 0, done = 0;
  for (int i = 0; i < 20; ++i) {
    net::co_spawn(
        context,
        [](world& in, int& now, int& count) -> net::awaitable<void> {
          mutex lock(*in.locks, "lock");
          auto got = co_await async_acquire(lock, {}, net::use_awaitable);
          EXPECT_TRUE(got);
          EXPECT_EQ(++now, 1);
          net::steady_timer timer(co_await net::this_coro::executor, 1ms);
          co_await timer.async_wait(net::use_awaitable);
          --now;
          EXPECT_EQ(co_await async_release(*got, net::use_awaitable), release_result::released);
          ++count;
        }(w, inside, done),
        net::detached);
  }
  context.run();
  EXPECT_EQ(done, 20);
}

}  // namespace
}  // namespace dlock::testing
