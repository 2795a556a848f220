#pragma once

/// @file
/// Locks for Asio: async_acquire() and others, with any completion token. Header only. It is for standalone Asio (1.22
/// or newer), or for Boost.Asio (1.81 or newer) if DLOCK_BOOST_ASIO is defined. With CMake, link `dlock::asio` or
/// `dlock::boost_asio`. dlock.hpp does not include this header.
///
/// @code{.cpp}
/// asio::awaitable<void> report(dlock::client& locks) {
///   dlock::mutex job{locks, "nightly-report"};
///   if (auto got = co_await dlock::async_acquire(job, {}, asio::use_awaitable)) co_await write_report(*got);
/// }  // released here, in the background
/// @endcode
///
/// @par For all functions of this header
/// - The completion signature is `void(std::exception_ptr, R)`: what the blocking function throws, or else its result.
///   So with use_awaitable and use_future, a failure is thrown. A failure to begin arrives in the same way: the
///   functions themselves throw none.
/// - The handler runs on its associated executor, with its allocator, exactly once, and never within the function that
///   began the operation. A handler without an executor runs on the system_executor.
/// - The executor has outstanding work until the handler runs, so `io_context::run()` does not return before.
/// - Cancellation of any type works as wait_options::stop: it ends the wait, with outcome::cancelled. If the lock was
///   acquired a moment earlier, the result is the lease, as without a cancellation.
/// - If the execution context ends while the operation waits, the handler is destroyed without being called, and the
///   wait is cancelled.
/// - wait_options::on_wait is called on a library thread, not on the executor.
/// @par Thread safety
/// All functions are thread-safe.
/// @par Blocking
/// No function blocks.
/// @see docs/async.md

#ifdef DLOCK_BOOST_ASIO
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#else
#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/execution/context.hpp>
#include <asio/execution_context.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <asio/query.hpp>
#endif

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include <dlock/acquire.hpp>
#include <dlock/election.hpp>
#include <dlock/lease.hpp>
#include <dlock/mutex.hpp>

namespace dlock {

// One program may use both.
#ifdef DLOCK_BOOST_ASIO
inline namespace with_boost_asio {
#else
inline namespace with_asio {
#endif

/// @cond
namespace asio_detail {

#ifdef DLOCK_BOOST_ASIO
namespace net = ::boost::asio;
#else
namespace net = ::asio;
#endif

/// An operation whose handler has not been posted.
class operation {
 public:
  /// Cancels the call, and destroys the handler and this object.
  virtual void abandon() noexcept = 0;

 protected:
  ~operation() = default;
};

/// The operations whose handlers run on one execution context. It outlives the context.
class operations {
 public:
  using number = std::uint64_t;  // 0: none

  /// It belongs to this list now. 0: the context has ended, and it still belongs to the caller.
  [[nodiscard]] number add(operation& o) {
    const std::lock_guard lock(guard_);
    if (ended_) return 0;
    all_.emplace(++last_, &o);
    return last_;
  }
  /// Calls `post` with that operation, which then owns itself. Meanwhile the context does not end. Does nothing if the
  /// operation was abandoned.
  template <typename Post>
  void complete(number n, Post&& post) {
    operation* o = nullptr;
    {
      const std::lock_guard lock(guard_);
      const auto it = all_.find(n);
      if (it == all_.end()) return;
      o = it->second;
      all_.erase(it);
      ++posting_;
    }
    const posted at_the_end{*this};
    std::forward<Post>(post)(*o);
  }
  void end() noexcept {
    std::unordered_map<number, operation*> left;
    {
      std::unique_lock lock(guard_);
      ended_ = true;
      left.swap(all_);
      changed_.wait(lock, [this] { return posting_ == 0; });
    }
    for (const auto& [_, o] : left) o->abandon();
  }

 private:
  struct posted {
    operations& of;
    ~posted() {
      const std::lock_guard lock(of.guard_);
      --of.posting_;
      of.changed_.notify_all();
    }
  };

  std::mutex guard_;
  std::condition_variable changed_;
  std::unordered_map<number, operation*> all_;
  number last_ = 0;
  int posting_ = 0;
  bool ended_ = false;
};

/// Tells the operations of an execution context that it ends.
class service final : public net::execution_context::service {
 public:
  static inline net::execution_context::id id;
  explicit service(net::execution_context& of) : net::execution_context::service(of) {}
  const std::shared_ptr<operations> all = std::make_shared<operations>();

 private:
  void shutdown() override { all->end(); }
};

template <typename Executor>
std::shared_ptr<operations> operations_of(const Executor& ex) {
  net::execution_context* context = nullptr;
  if constexpr (net::can_query<const Executor&, net::execution::context_t>::value) {
    context = &net::query(ex, net::execution::context);
  } else {
    context = &ex.context();
  }
  return net::use_service<service>(*context).all;
}

/// What is posted to the executor of the handler.
template <typename Handler, typename Result>
struct completion {
  Handler handler;
  std::exception_ptr failure;
  Result result;

  using executor_type = typename net::associated_executor<Handler>::type;
  [[nodiscard]] executor_type get_executor() const noexcept { return net::get_associated_executor(handler); }
  using allocator_type = typename net::associated_allocator<Handler>::type;
  [[nodiscard]] allocator_type get_allocator() const noexcept { return net::get_associated_allocator(handler); }

  void operator()() {
    // Here and not earlier: a slot must only be used on the executor.
    if (auto slot = net::get_associated_cancellation_slot(handler); slot.is_connected()) slot.clear();
    std::move(handler)(std::move(failure), std::move(result));
  }
};

template <typename Handler, typename Result>
class waiting_operation final : public operation {
  using allocator = typename std::allocator_traits<
      typename net::associated_allocator<Handler>::type>::template rebind_alloc<waiting_operation>;
  using traits = std::allocator_traits<allocator>;
  using executor = typename net::associated_executor<Handler>::type;

 public:
  /// Makes one, in memory of the handler's allocator.
  [[nodiscard]] static waiting_operation& make(Handler handler, std::stop_source stop) {
    allocator from(net::get_associated_allocator(handler));
    auto* const memory = traits::allocate(from, 1);
    try {
      return *::new (static_cast<void*>(memory)) waiting_operation(std::move(handler), std::move(stop));
    } catch (...) {
      traits::deallocate(from, memory, 1);
      throw;
    }
  }
  waiting_operation(const waiting_operation&) = delete;
  waiting_operation& operator=(const waiting_operation&) = delete;

  [[nodiscard]] const Handler& handler() const noexcept { return handler_; }
  /// This token, too, cancels the call.
  void cancel_by(const std::stop_token& token) {
    by_token_.emplace(token, [stop = stop_] { (void)stop.request_stop(); });
  }
  /// Posts the handler, and destroys this object before, because the handler may need its memory.
  void post(std::exception_ptr failure, Result result) {
    const auto work = std::move(work_);  // until it is posted
    completion<Handler, Result> then{std::move(handler_), std::move(failure), std::move(result)};
    destroy(then.get_allocator());
    net::post(std::move(then));
  }
  void abandon() noexcept override {
    (void)stop_.request_stop();
    destroy(net::get_associated_allocator(handler_));
  }

 private:
  waiting_operation(Handler handler, std::stop_source stop)
      : handler_(std::move(handler)), work_(net::get_associated_executor(handler_)), stop_(std::move(stop)) {}
  ~waiting_operation() = default;

  void destroy(const typename net::associated_allocator<Handler>::type& a) {
    allocator into(a);
    this->~waiting_operation();
    traits::deallocate(into, this, 1);
  }

  Handler handler_;
  net::executor_work_guard<executor> work_;
  std::stop_source stop_;
  std::optional<std::stop_callback<std::function<void()>>> by_token_;
};

/// Begins an operation. `begin` gets the callback of the call, and the stop token for it. `none`: the result of a call
/// that failed.
template <typename Result, typename Handler, typename Begin>
void start(Handler handler, std::stop_source stop, const std::stop_token& also, Result none, Begin begin) {
  using mine = waiting_operation<Handler, Result>;
  const auto all = operations_of(net::get_associated_executor(handler));
  if (auto slot = net::get_associated_cancellation_slot(handler); stop.stop_possible() && slot.is_connected()) {
    slot.assign([stop](net::cancellation_type) mutable { (void)stop.request_stop(); });
  }
  auto& waits = mine::make(std::move(handler), stop);
  if (also.stop_possible()) waits.cancel_by(also);
  const auto n = all->add(waits);
  if (n == 0) return waits.abandon();
  // From here on, another thread may destroy it at any time.
  const auto done = [all, n](std::exception_ptr failure, Result result) {
    all->complete(n, [&](operation& o) { static_cast<mine&>(o).post(std::move(failure), std::move(result)); });
  };
  try {
    begin(done, stop.get_token());
  } catch (...) {
    done(std::current_exception(), std::move(none));
  }
}

/// `begin`: begins the acquisition with these options.
template <typename Handler, typename Begin>
void start_acquire(Handler handler, wait_options options, Begin begin) {
  const auto also = options.stop;
  start(std::move(handler), std::stop_source(), also, acquisition(outcome::cancelled, {}, std::nullopt),
        [&](acquire_callback done, std::stop_token stop) {
          options.stop = std::move(stop);
          begin(std::move(options), std::move(done));
        });
}

}  // namespace asio_detail
/// @endcond

/// Waits for a lock: see mutex::acquire().
///
/// A mutex converts to a claim. shared_mutex::shared(), shared_mutex::exclusive() and semaphore::take() make one. If
/// the lock object is destroyed meanwhile, the operation goes on.
///
/// The destructor of the lease releases it in the background, and does not block.
/// @param what The lock, and the mode in which it is wanted.
/// @param options How to wait. `stop` cancels the wait, as a cancellation slot does.
/// @param token A completion token for `void(std::exception_ptr, acquisition)`.
/// @return What the token makes of it.
template <typename Token>
auto async_acquire(claim what, wait_options options, Token&& token) {
  return asio_detail::net::async_initiate<Token, void(std::exception_ptr, acquisition)>(
      [](auto handler, const claim& lock, wait_options how) {
        asio_detail::start_acquire(std::move(handler), std::move(how), [&](wait_options o, acquire_callback done) {
          lock.async_acquire(std::move(o), std::move(done));
        });
      },
      token, std::move(what), std::move(options));
}

/// Makes one attempt to acquire a lock: see mutex::try_acquire() and async_acquire().
/// @param what The lock, and the mode in which it is wanted.
/// @param token A completion token for `void(std::exception_ptr, acquisition)`.
/// @return What the token makes of it.
template <typename Token>
auto async_try_acquire(claim what, Token&& token) {
  return async_acquire(std::move(what), {.timeout = std::chrono::milliseconds{0}}, std::forward<Token>(token));
}

/// Waits until a candidate is the leader: see election::campaign() and async_acquire().
/// @param candidate The candidate. It must live until the operation has begun. A lazy token, such as `deferred`, begins
///   it later.
/// @param value What others see of this leader.
/// @param options How to wait.
/// @param token A completion token for `void(std::exception_ptr, acquisition)`.
/// @return What the token makes of it.
template <typename Token>
auto async_campaign(election& candidate, std::string value, wait_options options, Token&& token) {
  return asio_detail::net::async_initiate<Token, void(std::exception_ptr, acquisition)>(
      [](auto handler, election* who, std::string published, wait_options how) {
        asio_detail::start_acquire(std::move(handler), std::move(how), [&](wait_options o, acquire_callback done) {
          who->async_campaign(std::move(published), std::move(o), std::move(done));
        });
      },
      token, &candidate, std::move(value), std::move(options));
}

/// Releases a lease: see lease::release(). It cannot be cancelled.
/// @param what The lease. It must live until the operation has begun, as for async_campaign().
/// @param token A completion token for `void(std::exception_ptr, release_result)`.
/// @return What the token makes of it.
template <typename Token>
auto async_release(lease& what, Token&& token) {
  return asio_detail::net::async_initiate<Token, void(std::exception_ptr, release_result)>(
      [](auto handler, lease* held) {
        asio_detail::start(
            std::move(handler), std::stop_source(std::nostopstate), {}, release_result::not_held,
            [&](release_callback done, const std::stop_token&) { held->async_release(std::move(done)); });
      },
      token, &what);
}

}  // namespace with_asio or with_boost_asio
}  // namespace dlock
