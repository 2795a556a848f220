#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <dlock/acquire_all.hpp>
#include <dlock/clock.hpp>
#include <dlock/lease.hpp>

namespace dlock::cli {

/// One lock that was acquired.
struct grant {
  std::string id;
  std::int64_t token = 0;
  std::string owner;
};

/// What the command runs under: one lease, or a set of leases. Its functions are those of the lease or the set.
class holding {
 public:
  holding() = default;
  virtual ~holding() = default;
  holding(const holding&) = delete;
  holding& operator=(const holding&) = delete;

  /// In the order in which the locks were asked for.
  [[nodiscard]] virtual std::vector<grant> grants() const = 0;
  [[nodiscard]] virtual boot_clock::time_point valid_until() const = 0;
  [[nodiscard]] virtual std::chrono::milliseconds valid_for() const = 0;
  [[nodiscard]] virtual bool held() const = 0;
  [[nodiscard]] virtual std::string loss() const = 0;
  virtual void on_lost(std::function<void()> callback) = 0;
  [[nodiscard]] virtual release_result release(std::optional<std::chrono::milliseconds> at_least,
                                               std::chrono::milliseconds timeout) = 0;
};

[[nodiscard]] std::unique_ptr<holding> hold(dlock::lease held);
[[nodiscard]] std::unique_ptr<holding> hold(dlock::lease_set held);

}  // namespace dlock::cli
