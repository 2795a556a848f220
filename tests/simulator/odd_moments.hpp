#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "simulator/scenario.hpp"

namespace dlock::simulator {

using engine::ask_ended;
using engine::release_ended;
using protocol::ms;
using protocol::operation;
using protocol::request;
using result = acquisition::result;

/// Calls, answers and notices that come to the engine at odd moments, in worlds in which little else happens.
class OddMoments : public ::testing::Test {
 protected:
  /// `p` holds `lock`.
  std::shared_ptr<hold> held(const std::shared_ptr<process>& p, const std::string& lock) {
    const auto call = s.acquire(p, lock);
    s.run_for(50);
    if (!call->got) throw std::logic_error("it is not held");
    return call->got;
  }
  std::shared_ptr<std::optional<ask_ended>> amend(const std::shared_ptr<process>& p, engine::hold_id h,
                                                  protocol::claim what) {
    auto end = std::make_shared<std::optional<ask_ended>>();
    p->step([&](auto& e, ms at) {
      p->expect(e.amend(h, what, "a value", at), "lock", [end](const ask_ended& told) { *end = told; });
    });
    return end;
  }
  std::shared_ptr<std::optional<ask_ended>> ask(const std::shared_ptr<process>& p, operation op,
                                                bool observed = false) {
    request r;
    r.op = op;
    r.lock = "lock";
    r.id = p->fresh_id();
    r.cap = 3;
    r.observed = observed;
    auto end = std::make_shared<std::optional<ask_ended>>();
    p->step(
        [&](auto& e, ms at) { p->expect(e.ask(r, {}, at), "lock", [end](const ask_ended& told) { *end = told; }); });
    return end;
  }
  std::shared_ptr<std::optional<release_ended>> release(const std::shared_ptr<process>& p, engine::hold_id h) {
    auto end = std::make_shared<std::optional<release_ended>>();
    p->step([&](auto& e, ms at) {
      p->expect(e.release(h, 0, 10'000, at), [end](const release_ended& told) { *end = told; });
    });
    return end;
  }
  /// Somebody edits the document.
  void edit(const std::function<void(protocol::document&)>& how) {
    auto d = s.set.committed().get("lock")->what;
    how(d);
    ++d.rev;
    ASSERT_TRUE(s.set.write("lock", std::make_shared<const stored>(stored{true, d})));
    s.run_for(10);
  }

  scenario s;
  const std::shared_ptr<process> a = s.start_process("a"), b = s.start_process("b");
};

}  // namespace dlock::simulator
