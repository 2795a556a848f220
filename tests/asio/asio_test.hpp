#pragma once

#include <dlock/asio.hpp>

#ifdef DLOCK_BOOST_ASIO
#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
namespace net = boost::asio;
#else
#include <asio.hpp>
#include <asio/experimental/awaitable_operators.hpp>
namespace net = asio;
#endif

#include "client/world.hpp"

namespace dlock::testing {

/// How many wait for the lock.
inline std::size_t waiters(const world& w, const std::string& lock = "lock") {
  const auto d = w.store->get(lock);
  return d ? d->waiters.size() : 0;
}
/// How many hold it.
inline std::size_t holders(const world& w, const std::string& lock = "lock") {
  const auto d = w.store->get(lock);
  return d ? d->holders.size() : 0;
}

}  // namespace dlock::testing
