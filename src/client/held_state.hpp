#pragma once

#include <memory>

#include "client/client_core.hpp"
#include "client/lease_record.hpp"

namespace dlock::detail {

/// What a dlock::lease points to.
class held_state {
 public:
  held_state(std::shared_ptr<client_core> c, std::shared_ptr<lease_record> r)
      : core(std::move(c)), record(std::move(r)) {}
  held_state(const held_state&) = delete;
  held_state& operator=(const held_state&) = delete;
  ~held_state() { let_go(core); }

  std::shared_ptr<client_core> core;
  std::shared_ptr<lease_record> record;
};

}  // namespace dlock::detail
