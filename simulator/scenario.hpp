#pragma once

#include <memory>
#include <optional>
#include <string>

#include "simulator/acquisition.hpp"
#include "simulator/hold.hpp"
#include "simulator/world.hpp"

namespace dlock::simulator {

/// A world in which only the faults of the test happen. simulator/README.md shows how to write a scenario.
class scenario : public world {
 public:
  /// A call to acquire, and its result.
  struct call {
    std::shared_ptr<acquisition> machine;
    std::optional<acquisition::result> result;
    std::shared_ptr<hold> got;
  };

  scenario() : world(1) {}

  /// An exclusive lock with a lease of 2 s, a first term of 1 s, and no deadline. Change the fields that should differ.
  [[nodiscard]] static protocol::acquire_plan plan(const std::string& lock);
  std::shared_ptr<call> acquire(const std::shared_ptr<process>& p, protocol::acquire_plan how);
  std::shared_ptr<call> acquire(const std::shared_ptr<process>& p, const std::string& lock) {
    return acquire(p, plan(lock));
  }
  /// mongo-dlock takes the lock for a minute. The document as it is then.
  protocol::document locked_by_mongo_dlock(const std::string& lock);
  /// Whether it is a holder in the data that a majority has.
  [[nodiscard]] bool holds(const std::string& lock, const std::string& id) const;
};

}  // namespace dlock::simulator
