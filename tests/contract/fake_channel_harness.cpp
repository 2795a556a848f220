#include "contract/channel_harness.hpp"
#include "support/fake_channel.hpp"

namespace dlock::testing {
namespace {

class fake_channels final : public channel_harness {
 public:
  channel& notices() override { return channel_; }
  void drop(const std::string& coll) override { channel_.drop(coll); }

 private:
  fake_channel channel_;
};

}  // namespace

std::unique_ptr<channel_harness> make_channel_harness() {
  return std::make_unique<fake_channels>();
}

}  // namespace dlock::testing
