#pragma once

/// @file
/// Includes all public headers of dlock, except asio.hpp, which needs Asio.

/// @mainpage dlock: distributed locks on MongoDB
///
/// @code{.cpp}
/// #include <dlock/dlock.hpp>
///
/// dlock::client locks({.url = "mongodb://db1.example:27017"});
/// dlock::mutex job(locks, "nightly-report");
/// if (auto got = job.acquire({.timeout = std::chrono::seconds(10)})) {
///   write_report(got->token(), got->lost());
/// }  // released here
/// @endcode
///
/// @section headers Headers
/// - options.hpp, client.hpp: configure a client and connect. Begin here.
/// - mutex.hpp, shared_mutex.hpp, semaphore.hpp, election.hpp: the kinds of locks.
/// - acquire.hpp: outcomes and wait options. acquire_all.hpp: several locks at once.
/// - guard.hpp: a lock for a scope, with exceptions instead of outcomes.
/// - lease.hpp: what you hold. clock.hpp: the clock that it is counted on.
/// - error.hpp: failures.
/// - asio.hpp: the same calls for Asio and coroutines.
/// - events.hpp: notifications. inspect.hpp: look at locks from outside, and revoke them. history.hpp: what ran under a
///   lock.
/// - metrics.hpp: what a client counts. members.hpp: the servers. doctor.hpp: what is wrong with them.
/// - text.hpp: safe output of text that others wrote. version.hpp: the version.
///
/// @section terms Terms
/// - Lock: one MongoDB document, named by the lock's id.
/// - Holder: a client that holds the lock now. Waiter: a client in the queue of the lock.
/// - Lease: the right to hold a lock until a certain time. The client renews it in the background. There is no session:
///   each acquisition has its own lease.
/// - TTL: the length of a lease (client_options::exp_delta).
/// - Fencing token: a number that rises with each grant of a lock. A resource that compares tokens can refuse a holder
///   that is out of date.
/// - Hand-off: a release passes the lock to the next waiter in the same command.
/// - Note, value: a text that a holder or a waiter publishes (lock_options::note).
/// - Inbox: a collection in which a client is told of its grants and of revocations. If that fails, it polls.
/// - Observed expiry: waiters judge by their own clocks whether a holder is gone (expiry::observed).
/// - In doubt: the server did not confirm a request, but may have carried it out (error::in_doubt()).
/// - Snapshot: information that may be out of date when you read it.
/// - mongo-dlock: a lock library for Node.js. dlock can share its collection and has its names and defaults.
///
/// @section rules Rules for all headers
/// - Expected outcomes are return values. Failures throw dlock::error. Every function that is not noexcept may also
///   throw std::bad_alloc.
/// - A function blocks only if its documentation says so, in a paragraph "Blocking". The limit there does not include
///   the time for which the thread waits for a processor.
/// - Functions that are no members are thread-safe.
/// - Durations in options and calls are in milliseconds, except client_options::grace.
/// - Local times are of boot_clock. Times of the server are of std::chrono::system_clock.
/// - Text is UTF-8. Lengths of text are in bytes.
/// - Text that other processes wrote is passed on as it is. Use printable() (text.hpp) to show it.
/// - Callbacks run on library threads, unless their documentation says something else. No mutex of the library is held
///   meanwhile.
/// - In a forked child, the parent's clients, locks and leases do not work: make a new client there.

/// @namespace dlock
/// Distributed locks on MongoDB.

#include <dlock/acquire.hpp>
#include <dlock/acquire_all.hpp>
#include <dlock/client.hpp>
#include <dlock/clock.hpp>
#include <dlock/doctor.hpp>
#include <dlock/election.hpp>
#include <dlock/error.hpp>
#include <dlock/events.hpp>
#include <dlock/guard.hpp>
#include <dlock/history.hpp>
#include <dlock/inspect.hpp>
#include <dlock/lease.hpp>
#include <dlock/members.hpp>
#include <dlock/metrics.hpp>
#include <dlock/mutex.hpp>
#include <dlock/options.hpp>
#include <dlock/semaphore.hpp>
#include <dlock/shared_mutex.hpp>
#include <dlock/text.hpp>
#include <dlock/version.hpp>
