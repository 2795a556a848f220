#pragma once

#include <memory>
#include <string>

#include "store/channel.hpp"

/// A channel, and what tests of it need besides. channel_contract_test.cpp is built once with each of the two makers.
namespace dlock::testing {

class channel_harness {
 public:
  channel_harness() = default;
  channel_harness(const channel_harness&) = delete;
  channel_harness& operator=(const channel_harness&) = delete;
  virtual ~channel_harness() = default;

  [[nodiscard]] virtual channel& notices() = 0;
  /// Everything in it is gone.
  virtual void drop(const std::string& coll) = 0;
};

[[nodiscard]] std::unique_ptr<channel_harness> make_channel_harness();

}  // namespace dlock::testing
