#pragma once

#include <cstddef>
#include <vector>

#include "protocol/answer.hpp"
#include "protocol/batch.hpp"

namespace dlock {

/// Which connections an operation takes: renewals have some of their own, so that nothing can keep them waiting.
enum class lane { normal, renewal };
inline constexpr std::size_t renewal_lanes = 16;

/// Where the locks' documents live. One implementation speaks to MongoDB, a fake applies the reference model;
/// tests/contract holds both to the same behaviour.
class store {
 public:
  store() = default;
  store(const store&) = delete;
  store& operator=(const store&) = delete;
  virtual ~store() = default;

  /// Carries the operation out. Blocks, for as long as the store's own I/O limits allow; never throws for what the
  /// server or the network does. Thread-safe; lane::renewal is for `renewal_lanes` threads at a time.
  [[nodiscard]] virtual answer apply(const protocol::request& r, lane which = lane::normal) = 0;

  /// Carries out several that go together (protocol::go_together), in one command if it can; one answer for each.
  [[nodiscard]] virtual std::vector<answer> apply_all(const protocol::batch& requests) = 0;

  /// Reads without changing anything. As apply() in all else.
  [[nodiscard]] virtual lookup_answer read(const protocol::lookup& l) = 0;
};

}  // namespace dlock
