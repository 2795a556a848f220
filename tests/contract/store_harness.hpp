#pragma once

#include <memory>
#include <string>

#include "store/store.hpp"

/// A store, and what tests of it need besides: its clock, and documents that others wrote. store_contract_test.cpp is
/// built once with each of the two makers.
namespace dlock::testing {

class store_harness {
 public:
  store_harness() = default;
  store_harness(const store_harness&) = delete;
  store_harness& operator=(const store_harness&) = delete;
  virtual ~store_harness() = default;

  [[nodiscard]] virtual store& locks() = 0;
  /// The server's clock stands still until advance(). Negative: the commands that follow carry a stale one.
  [[nodiscard]] virtual protocol::ms now() const = 0;
  virtual void advance(protocol::ms by) = 0;

  virtual void put(const std::string& lock, const protocol::document& d) = 0;
  virtual void put_something_else(const std::string& lock) = 0;
};

[[nodiscard]] std::unique_ptr<store_harness> make_harness();

}  // namespace dlock::testing
