#pragma once

#include "world.hpp"

namespace dlock::chaos {

/// A thread that takes locks and gives them back, round after round, until `end`.
class user : public std::enable_shared_from_this<user> {
 public:
  static constexpr ns ttl = 2000 * ns_per_ms;
  static constexpr ns margin = 200 * ns_per_ms;
  static constexpr ns wait_period = 1000 * ns_per_ms;

  user(world& w, std::shared_ptr<world::process> me, std::vector<claim> choice, ns end)
      : w_(w), me_(std::move(me)), choice_(std::move(choice)), end_(end) {}

  void begin_round();

 private:
  struct held {
    claim what;
    std::string id;
    std::int64_t token = 0;
    ns until = 0;  // by us
    std::int64_t read = 0;
    bool over = false;  // lost, or its release was called
  };
  using shared_held = std::shared_ptr<std::vector<held>>;
  struct request {
    int number = 0;
    std::string op;
    std::vector<claim> claims;  // not granted yet, in order
    shared_held got = std::make_shared<std::vector<held>>();
    bool queued = false, over = false;
  };
  using shared_request = std::shared_ptr<request>;

  std::string new_id();
  void write_call(const request& r);
  void answer(const shared_request& r, json fields);
  void next_lock(const shared_request& r);
  void granted(const shared_request& r, const std::string& id, std::int64_t token);
  void ask_to_give_up(const shared_request& r, const std::string& id);
  void acquired(const shared_request& r);

  void keep(const shared_held& all);
  void watch(const shared_held& all);
  /// Whether it is over; notices when it has run out.
  bool over(const shared_held& all);
  void lose(const shared_held& all);
  void enter(const shared_held& all);
  void leave(const shared_held& all, bool may_write);
  void fork(const shared_held& all);
  void downgrade(const shared_held& all);
  void release(const shared_held& all);

  world& w_;
  std::shared_ptr<world::process> me_;
  std::vector<claim> choice_;
  ns end_;
};

}  // namespace dlock::chaos
