#include "kinds/harness.hpp"
#include "support/fake_channel.hpp"
#include "support/fake_client.hpp"

namespace dlock::testing {
namespace {

class fake_place final : public place {
 public:
  client make(client_options options) override { return fake_client(store_, std::move(options), 64, notices_); }
  void remove(const std::string& lock) override { store_->put(lock, std::nullopt); }

 private:
  std::shared_ptr<fake_store> store_ = running_store();
  std::shared_ptr<fake_channel> notices_ = std::make_shared<fake_channel>();
};

}  // namespace

std::unique_ptr<place> make_place() {
  return std::make_unique<fake_place>();
}

}  // namespace dlock::testing
