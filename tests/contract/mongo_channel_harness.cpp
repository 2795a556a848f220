#include "contract/channel_harness.hpp"
#include "protocol/command_parts.hpp"
#include "store/mongo_channel.hpp"
#include "support/mongo.hpp"

namespace dlock::testing {
namespace {

class mongo_channels final : public channel_harness {
 public:
  channel& notices() override { return channel_; }
  void drop(const std::string& coll) override {
    connection().run(database_.name(), protocol::single("drop", coll).get());
  }

 private:
  scratch_database database_{"channel", scratch_database::use::notices};
  mongo_channel channel_{
      std::make_shared<mongo_pool>(test_url(), "url", std::chrono::seconds{20}, 20), database_.name(), {}};
};

}  // namespace

std::unique_ptr<channel_harness> make_channel_harness() {
  return std::make_unique<mongo_channels>();
}

}  // namespace dlock::testing
