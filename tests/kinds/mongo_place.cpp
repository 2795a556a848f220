#include "kinds/harness.hpp"
#include "protocol/command_parts.hpp"
#include "support/mongo.hpp"

namespace dlock::testing {
namespace {

class mongo_place final : public place {
 public:
  client make(client_options options) override {
    options.url = test_url();
    options.db = scratch_.name();
    return client(std::move(options));
  }
  void remove(const std::string& lock) override {
    auto one = make_bson();
    append(one.get(), "q", protocol::single("_id", lock).get());
    append(one.get(), "limit", std::int64_t{1});
    auto c = make_bson();
    append(c.get(), "delete", "dlocks");
    append_array(c.get(), "deletes", protocol::single("0", one.get()).get());
    append(c.get(), "writeConcern", protocol::single("w", "majority").get());
    const auto done = server_.run(scratch_.name(), c.get());
    if (!done.ok) ADD_FAILURE() << done.error;
  }

 private:
  scratch_database scratch_{"dlock_kinds"};
  connection server_;
};

}  // namespace

std::unique_ptr<place> make_place() {
  return std::make_unique<mongo_place>();
}

}  // namespace dlock::testing
