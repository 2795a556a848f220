#pragma once

// What the snippets in the docs use without saying where it comes from. Nothing here is defined: they are compiled, not run.
#include <atomic>
#include <chrono>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <dlock/dlock.hpp>
#ifdef DLOCK_HAS_ASIO
#include <asio.hpp>
#include <dlock/asio.hpp>
#endif

using namespace std::chrono_literals;

extern dlock::client locks;
extern dlock::mutex job, account;
extern dlock::shared_mutex rates;
extern dlock::semaphore slots;
struct part {};
extern std::vector<part> parts;

void write_report(std::int64_t token, std::stop_token lost);
void do_it(std::int64_t token, std::stop_token lost);
void start_report(dlock::lease held);
void store(const part& what, std::int64_t token);
void publish_new_rates(std::int64_t token);
void connect_to(const std::string& address);
void schedule(std::int64_t token, std::stop_token lost);
void use(dlock::lease& held);
void check(dlock::lease& held);
void call_twice(dlock::lease& held);
void transfer(dlock::lease_set& held);
#ifdef DLOCK_HAS_ASIO
asio::awaitable<void> write_report(dlock::lease& held);
asio::awaitable<void> write_report(std::int64_t token);
#endif
