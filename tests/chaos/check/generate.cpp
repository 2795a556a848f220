#include "generate.hpp"

#include <algorithm>

#include "user.hpp"

namespace dlock::chaos {
namespace {

using process_ptr = std::shared_ptr<world::process>;

const std::vector<claim> kLocks{{"m0", "mutex", true, 0, 0},
                                {"r0", "shared", true, 0, 0},
                                {"s0", "semaphore", false, 1, 3},
                                {"e0", "election", true, 0, 0}};

class run {
 public:
  explicit run(std::uint64_t seed) : w_(seed) {}

  lines go() {
    w_.locks.look_again = [this](const std::string& lock, ns when) { purge(lock, when); };
    end_ = w_.now + w_.pick(400, 1500) * ns_per_ms;
    for (const auto& l : kLocks) {
      if (w_.chance(60)) locks_.push_back(l);
    }
    if (locks_.empty()) locks_.push_back(kLocks[static_cast<std::size_t>(w_.pick(0, 3))]);
    w_.write("harness", "start",
             {{"seed", 1}, {"url", "mongodb://"}, {"config", {{"expiry", "server_clock"}, {"wait_period_ms", 1000}}}});
    w_.write("harness", "primary", {{"member", 0}, {"term", 1}});
    const auto n = w_.pick(2, 3);
    for (std::int64_t i = 1; i <= n; ++i) start("w" + std::to_string(i) + ".1");
    const auto faults = w_.chance(50) ? w_.pick(1, 3) : 0;
    for (std::int64_t i = 0; i < faults; ++i) w_.at(w_.now + w_.pick(50, 2000) * ns_per_ms, [this] { fault(); });
    w_.run();
    close();
    return std::move(w_.out);
  }

 private:
  void purge(const std::string& lock, ns when) {
    w_.at(when, [this, lock] {
      if (w_.now < w_.server_down_until) return purge(lock, w_.server_down_until + w_.hop());
      w_.locks.purge(w_.now, lock);
    });
  }

  void start(const std::string& name) {
    auto p = std::make_shared<world::process>();
    p->name = name;
    alive_.push_back(p);
    for (auto threads = w_.pick(1, 2); threads > 0; --threads) {
      const auto u = std::make_shared<user>(w_, p, locks_, end_);
      w_.by(p, w_.now + w_.pick(1, 50) * ns_per_ms, [u] { u->begin_round(); });
    }
  }

  void begin(const char* cls, const std::string& target, json more = json::object()) {
    mark(++faults_, cls, "begin", target, more);
  }
  void end_at(
      ns when, const char* cls, const std::string& target, std::function<void()> also = [] {}) {
    w_.at(when, [this, n = faults_, cls, target, also] {
      also();
      mark(n, cls, "end", target, json::object());
    });
  }
  void mark(int n, const char* cls, const char* phase, const std::string& target, const json& more) {
    json fields{{"class", cls}, {"phase", phase}, {"target", target}, {"n", n}};
    fields.update(more);
    w_.write("harness", "fault", fields);
  }

  void fault() {
    const auto p = alive_[static_cast<std::size_t>(w_.pick(0, static_cast<std::int64_t>(alive_.size()) - 1))];
    const ns long_enough = w_.now + w_.pick(user::ttl / 4, user::ttl * 5 / 2);
    switch (w_.pick(0, 6)) {
      case 0:
        return freeze(p, long_enough);
      case 1:
        return kill(p);
      case 2:
      case 6:
        begin("client-partition", p->name);
        p->cut_until = std::max(p->cut_until, long_enough);
        return end_at(long_enough, "client-partition", p->name);
      case 3:
        begin("stepdown", "member0");
        w_.server_down_until = std::max(w_.server_down_until, w_.now + w_.pick(10, 1500) * ns_per_ms);
        return end_at(w_.server_down_until, "stepdown", "member0", [this] {
          w_.write("harness", "primary", {{"member", ++terms_ % 3}, {"term", terms_}});
        });
      case 4: {
        const auto lock =
            locks_[static_cast<std::size_t>(w_.pick(0, static_cast<std::int64_t>(locks_.size()) - 1))].lock;
        begin("operator-edit", lock);
        w_.locks.remove(lock);
        return end_at(w_.now + w_.hop(), "operator-edit", lock);
      }
      default:
        begin("server-clock", "member0", {{"jump_ms", 86'400'000}});
        w_.locks.end_all_leases(w_.now);
        return end_at(long_enough, "server-clock", "member0");
    }
  }

  void freeze(const process_ptr& p, ns until) {
    if (p->dead || p->frozen_until > w_.now) return;
    w_.write("harness", "frozen", {{"who", p->name}});
    p->frozen_until = until;
    // the thaw is written before anything that the process does then
    w_.at(until - 1, [this, p] { w_.write("harness", "thawed", {{"who", p->name}}); });
  }

  void kill(const process_ptr& p) {
    if (p->dead || p->frozen_until > w_.now) return;
    p->dead = true;
    w_.write("harness", "killed", {{"who", p->name}});
    w_.locks.client_died(w_.now, p->name, user::ttl);
    const auto next = p->name.substr(0, 3) + std::to_string(std::stoi(p->name.substr(3)) + 1);
    std::erase(alive_, p);
    start(next);
  }

  void close() {
    w_.now += ns_per_s;
    w_.write("harness", "healed", json::object());
    for (const auto& l : locks_) {
      w_.now += w_.hop();
      w_.write("harness", "final", {{"lock", l.lock}, {"ok", true}, {"token", w_.locks.fence(l.lock) + 1'000'000}});
    }
    w_.write("harness", "end", json::object());
  }

  world w_;
  ns end_ = 0;
  std::vector<claim> locks_;
  std::vector<process_ptr> alive_;
  int faults_ = 0;
  int terms_ = 1;
};

}  // namespace

lines generate(std::uint64_t seed) {
  return run(seed).go();
}

}  // namespace dlock::chaos
