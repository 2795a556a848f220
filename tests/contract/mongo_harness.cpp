#include <atomic>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "contract/store_harness.hpp"
#include "protocol/command_parts.hpp"
#include "store/mongo_store.hpp"
#include "support/codec.hpp"
#include "support/mongo.hpp"

namespace dlock::testing {
namespace {

using namespace std::chrono_literals;

const std::string& database() {
  static const scratch_database db("dlock_store");
  return db.name();
}

/// To close a pool takes the driver half a second. Stores that are done with do so aside, until the end of the program.
void close_aside(std::unique_ptr<mongo_store> done) {
  static std::vector<std::jthread> closing;
  if (done) closing.emplace_back([store = std::move(done)]() mutable { store.reset(); });
}

class mongo_harness final : public store_harness {
 public:
  mongo_harness() { connect(); }
  ~mongo_harness() override { close_aside(std::move(store_)); }

  store& locks() override { return *store_; }
  [[nodiscard]] protocol::ms now() const override { return now_; }

  /// A store has its expression for "now" for good, so this is another one.
  void advance(protocol::ms by) override {
    now_ += by;
    connect();
  }

  void put(const std::string& lock, const protocol::document& d) override { insert(encode(lock, d)); }

  void put_something_else(const std::string& lock) override {
    auto b = make_bson();
    append(b.get(), "_id", lock);
    append(b.get(), "et", "not a date");
    insert(std::move(b));
  }

 private:
  void connect() {
    close_aside(std::move(store_));
    mongo_settings settings;
    settings.db = database();
    settings.coll = coll_;
    settings.now_expression = R"({"$date":{"$numberLong":")" + std::to_string(now_) + "\"}}";
    store_ = std::make_unique<mongo_store>(std::make_shared<mongo_pool>(test_url(), "url", 5s, 100), settings);
    store_->connect(boot_clock::now() + 20s);
  }

  void insert(bson document) {
    std::vector<bson> one;
    one.push_back(std::move(document));
    connection().insert(database(), coll_, one);
  }

  static std::string fresh_collection() {
    if (is_restricted()) {  // to this one
      connection().run(database(), protocol::single("drop", "dlocks").get());
      return "dlocks";
    }
    static std::atomic<int> number = 0;
    return "locks" + std::to_string(number++);
  }

  const std::string coll_ = fresh_collection();
  // The true time, so that the TTL index finds nothing to sweep.
  protocol::ms now_ =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  std::unique_ptr<mongo_store> store_;
};

}  // namespace

std::unique_ptr<store_harness> make_harness() {
  return std::make_unique<mongo_harness>();
}

}  // namespace dlock::testing
