#include "contract/store_harness.hpp"
#include "support/fake_store.hpp"

namespace dlock::testing {
namespace {

class fake_harness final : public store_harness {
 public:
  store& locks() override { return store_; }
  [[nodiscard]] protocol::ms now() const override { return store_.now(); }
  void advance(protocol::ms by) override { store_.advance(by); }
  void put(const std::string& lock, const protocol::document& d) override { store_.put(lock, d); }
  void put_something_else(const std::string& lock) override { store_.put_something_else(lock); }

 private:
  fake_store store_;
};

}  // namespace

std::unique_ptr<store_harness> make_harness() {
  return std::make_unique<fake_harness>();
}

}  // namespace dlock::testing
