#pragma once

#include <cstddef>
#include <vector>

#include <dlock/members.hpp>

#include "protocol/answer.hpp"
#include "protocol/batch.hpp"

namespace dlock {

/// Which connections an operation uses. Renewals have their own connections, so that nothing can keep them waiting.
enum class lane { normal, renewal };
inline constexpr std::size_t renewal_lanes = 16;

/// Stores the documents of the locks. One implementation uses MongoDB, a fake applies the reference model.
/// tests/contract checks that both behave in the same way.
class store {
 public:
  store() = default;
  store(const store&) = delete;
  store& operator=(const store&) = delete;
  virtual ~store() = default;

  /// Executes the operation. Blocks for as long as the store's own I/O limits allow. Never throws because of the server
  /// or the network. Thread-safe. At most `renewal_lanes` threads at a time may use lane::renewal.
  [[nodiscard]] virtual answer apply(const protocol::request& r, lane which = lane::normal) = 0;

  /// Executes several operations that go together (protocol::batch), in one command if possible. One answer for each.
  [[nodiscard]] virtual std::vector<answer> apply_all(const protocol::batch& requests, lane which = lane::normal) = 0;

  /// Reads and changes nothing. Otherwise like apply().
  [[nodiscard]] virtual lookup_answer read(const protocol::lookup& l) = 0;

  /// The servers, each asked for itself. Blocks like apply(). A store without servers has none.
  [[nodiscard]] virtual std::vector<member_info> members() { return {}; }
};

}  // namespace dlock
