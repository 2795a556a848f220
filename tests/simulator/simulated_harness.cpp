// The simulated replica set as a store: what the simulator believes of a set is true of the server.
#include <mutex>
#include <optional>

#include "contract/store_harness.hpp"
#include "simulator/agenda.hpp"
#include "simulator/chance.hpp"
#include "simulator/replica_set.hpp"

namespace dlock::testing {
namespace {

using namespace simulator;

class simulated_harness final : public store_harness, private store {
 public:
  store& locks() override { return *this; }
  [[nodiscard]] protocol::ms now() const override { return set_.clock(primary()); }
  void advance(protocol::ms by) override {
    const std::lock_guard lock(guard_);
    ahead_ += by;
    stand_still();
  }
  void put(const std::string& id, const protocol::document& d) override { write(id, {true, d}); }
  void put_something_else(const std::string& id) override { write(id, {false, {}}); }

 private:
  [[nodiscard]] std::size_t primary() const { return set_.primary().value(); }

  /// The set needs time to answer; its clock is not to show that.
  void stand_still() {
    for (std::size_t i = 0; i < replica_set::members; ++i) {
      set_.set_clock(i, ahead_ - events_.now() / ticks_per_ms);
    }
  }

  [[nodiscard]] answer apply(const protocol::request& r, lane /*which*/) override {
    const std::lock_guard lock(guard_);
    std::optional<answer> told;
    stand_still();
    set_.command(primary(), r, [&](const answer& a) { told = a; });
    while (!told) events_.run_until(events_.now() + ticks_per_ms);
    stand_still();
    return *told;
  }
  [[nodiscard]] std::vector<answer> apply_all(const protocol::batch& all, lane /*which*/) override {
    const std::lock_guard lock(guard_);
    std::vector<answer> told;
    stand_still();
    set_.command(primary(), std::make_shared<const protocol::batch>(all), [&](const auto& answers) { told = answers; });
    while (told.empty()) events_.run_until(events_.now() + ticks_per_ms);
    stand_still();
    return told;
  }
  [[nodiscard]] lookup_answer read(const protocol::lookup& l) override {
    const std::lock_guard lock(guard_);
    lookup_answer out;
    out.what = answer::kind::replied;
    out.seen = set_.committed().read(l, now());
    return out;
  }
  void write(const std::string& id, stored s) {
    const std::lock_guard lock(guard_);
    set_.write(id, std::make_shared<const stored>(std::move(s)));
    events_.run_until(events_.now() + 100 * ticks_per_ms);
    stand_still();
  }

  std::mutex guard_;
  agenda events_;
  chance luck_{1};
  trace notes_;
  replica_set set_{events_, luck_, notes_};
  protocol::ms ahead_ = 0;
};

}  // namespace

std::unique_ptr<store_harness> make_harness() {
  return std::make_unique<simulated_harness>();
}

}  // namespace dlock::testing
