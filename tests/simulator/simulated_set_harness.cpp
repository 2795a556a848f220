// The simulator's replica set, to which the same things happen as to a real one.
#include <optional>
#include <stdexcept>
#include <utility>

#include "contract/set_harness.hpp"
#include "simulator/agenda.hpp"
#include "simulator/chance.hpp"
#include "simulator/replica_set.hpp"

namespace dlock::testing {
namespace {

using namespace simulator;

class simulated_set final : public set_harness {
 public:
  simulated_set() { run(10); }

  std::size_t primary() override {
    wait([&] { return set_.primary().has_value(); });
    return set_.primary().value();
  }
  std::unique_ptr<sent> send(std::size_t member, const protocol::request& r) override {
    auto told = std::make_shared<std::optional<answer>>();
    set_.command(member, r, [told](const answer& a) { *told = a; });
    return std::make_unique<simulated_request>(*this, std::move(told));
  }
  void wait_until_there(std::size_t, const std::string&, const std::string&, bool) override { run(50); }
  void stop(std::size_t member) override { set_.pause(member); }
  void go_on(std::size_t member) override { set_.resume(member); }
  void stop_copying(std::size_t member, bool stopped) override { set_.stop_copying(member, stopped); }
  void wait_for_another_primary(std::size_t than) override {
    wait([&] { return set_.primary().value_or(than) != than; });
  }
  void wait_until_it_follows(std::size_t) override { run(5000); }
  void fail_next_write_concern() override {
    set_.fail_write_concerns(100);
    events_.after(20 * ticks_per_ms, [this] { set_.fail_write_concerns(0); });
  }

 private:
  class simulated_request final : public sent {
   public:
    simulated_request(simulated_set& in, std::shared_ptr<std::optional<answer>> told)
        : in_(in), told_(std::move(told)) {}
    bool is_answered() override { return told_->has_value(); }
    answer result() override {
      in_.wait([&] { return told_->has_value(); });
      return **told_;
    }

   private:
    simulated_set& in_;
    const std::shared_ptr<std::optional<answer>> told_;
  };

  void run(protocol::ms time) { events_.run_until(events_.now() + time * ticks_per_ms); }
  template <typename Condition>
  void wait(Condition condition) {
    for (int i = 0; !condition(); ++i) {
      if (i > 60'000) throw std::runtime_error("not within a minute");
      run(1);
    }
  }

  agenda events_;
  chance luck_{1};
  trace notes_;
  replica_set set_{events_, luck_, notes_};
};

}  // namespace

std::unique_ptr<set_harness> make_set() {
  return std::make_unique<simulated_set>();
}

}  // namespace dlock::testing
