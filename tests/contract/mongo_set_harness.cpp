// A real set of three, whose processes are stopped by signals.
#include <chrono>
#include <future>
#include <map>
#include <stdexcept>
#include <utility>

#include "contract/set_harness.hpp"
#include "protocol/express.hpp"
#include "protocol/pipeline.hpp"
#include "protocol/reply.hpp"
#include "replica/fixture.hpp"
#include "store/failure.hpp"

namespace dlock::testing {
namespace {

constexpr const char* kApp = "set_faults";

class mongo_set final : public set_harness {
 public:
  mongo_set() : all_(testing::members()) {
    if (all_.size() != members) throw std::runtime_error("this test needs a set of three");
  }

  std::size_t primary() override {
    std::size_t found = members;
    const auto there = [&] {
      try {
        found = index_of(testing::primary());
      } catch (const std::exception&) {
        return false;  // an election by itself takes more than half a minute now and then
      }
      return true;
    };
    if (!eventually(there, kLongest)) throw std::runtime_error("nobody is primary");
    return found;
  }

  std::unique_ptr<sent> send(std::size_t member, const protocol::request& r) override {
    const bool express = protocol::form_of(r) == protocol::form::express;
    const bool early = protocol::may_be_early(r);
    const protocol::command_options how{.coll = "locks", .limit = kLimit, .majority = !early};
    const auto command =
        std::make_shared<bson>(express ? protocol::express_command(r, how) : protocol::command(r, how));
    return std::make_unique<real_request>(std::async(std::launch::async, [this, member, command, r, express, early] {
      connection to(url_of(all_[member], std::string("directConnection=true&socketTimeoutMS=60000&appName=") + kApp));
      auto out = to.run(scratch_.name(), command->get());
      if (out.code == kDuplicateKey) out = to.run(scratch_.name(), command->get());  // as mongo_store does
      answer a;
      if (out.ok && !has_write_concern_error(out.reply.get(), &a.why)) {
        a.what = answer::kind::replied;
        a.reply = express ? protocol::parse_express_reply(out.reply.get(), r).value_or(protocol::reply{})
                          : protocol::parse_reply(out.reply.get());
        a.early = early;
      } else if (out.ok) {
        a.in_doubt = true;
      } else {
        a = failure(out.driver_error, redactor(""));
      }
      return a;
    }));
  }

  void wait_until_there(std::size_t member, const std::string& lock, const std::string& id, bool holds) override {
    connection to(url_of(all_[member], "directConnection=true&readPreference=secondaryPreferred"));
    const auto mine = from_json(R"({"_id": ")" + lock + R"(", "holders.id": ")" + id + "\"}");
    const auto as_told = [&] {
      try {
        return to.find_all(scratch_.name(), "locks", mine.get()).empty() != holds;
      } catch (const std::exception&) {
        return false;  // nobody can read while it rolls back
      }
    };
    if (!eventually(as_told, kLongest)) {
      throw std::runtime_error(id + (holds ? " does not come" : " does not go"));
    }
  }

  void stop(std::size_t member) override { stopped_.emplace(member, std::make_unique<frozen>(all_[member])); }
  void go_on(std::size_t member) override { stopped_.erase(member); }

  void stop_copying(std::size_t member, bool stopped) override {
    connection to(url_of(all_[member]));
    const auto done = to.run("admin", from_json(std::string(R"({"configureFailPoint": "stopReplProducer", "mode": ")") +
                                                (stopped ? "alwaysOn\"}" : "off\"}"))
                                          .get());
    if (!done.ok) throw std::runtime_error(done.error);
  }
  void wait_for_another_primary(std::size_t than) override {
    const auto elected = [&] {
      for (std::size_t i = 0; i < members; ++i) {
        if (i == than) continue;
        connection to(url_of(all_[i]));
        if (to.run("admin", from_json(R"({"replSetStepUp": 1})").get()).ok) return true;
      }
      return false;
    };
    if (!eventually(elected, kLongest)) throw std::runtime_error("nobody else is elected");
    // Before it takes writes it looks for those of the old one, which it would keep.
    if (!eventually([&] { return primary() != than; }, kLongest)) throw std::runtime_error("the old one is primary");
  }
  void wait_until_it_follows(std::size_t member) override {
    connection to(url_of(all_[member]));
    const auto follows = [&] {
      const auto status = to.run("admin", from_json(R"({"replSetGetStatus": 1})").get());
      bson_iter_t it;
      return status.ok && bson_iter_init_find(&it, status.reply.get(), "myState") && bson_iter_as_int64(&it) == 2;
    };
    if (!eventually(follows, kLongest)) throw std::runtime_error("it does not become a secondary");
  }
  void fail_next_write_concern() override {
    fails_ = std::make_unique<fail_command>(
        kApp, R"("writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"})", 1);
  }

 private:
  static constexpr protocol::ms kLimit = 20'000;
  static constexpr int kDuplicateKey = 11000;
  static constexpr milliseconds kLongest = 120s;  // an election, and a roll-back, on a busy machine

  class real_request final : public sent {
   public:
    explicit real_request(std::future<answer> told) : told_(std::move(told)) {}
    bool is_answered() override { return told_.wait_for(0s) == std::future_status::ready; }
    answer result() override { return told_.get(); }

   private:
    std::future<answer> told_;
  };

  [[nodiscard]] std::size_t index_of(const member& m) const {
    for (std::size_t i = 0; i < all_.size(); ++i) {
      if (all_[i].address == m.address) return i;
    }
    throw std::runtime_error("no such member");
  }

  const std::vector<member> all_;
  scratch_database scratch_{"dlock_set_faults"};
  std::unique_ptr<fail_command> fails_;
  std::map<std::size_t, std::unique_ptr<frozen>> stopped_;
};

}  // namespace

std::unique_ptr<set_harness> make_set() {
  return std::make_unique<mongo_set>();
}

}  // namespace dlock::testing
