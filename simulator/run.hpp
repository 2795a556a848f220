#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "simulator/acquisition.hpp"
#include "simulator/hold.hpp"
#include "simulator/observer.hpp"
#include "simulator/world.hpp"

namespace dlock::simulator {

/// A run. Processes acquire and release locks under faults. All choices are random, from one seed. Then everything
/// works again: all calls must end, and somebody new must be able to acquire every lock.
class run {
 public:
  explicit run(std::uint64_t seed, trace::mode how = trace::mode::off);

  /// Throws `broken` if a rule is broken.
  void go();
  [[nodiscard]] const coverage& seen() const noexcept { return world_.seen; }
  [[nodiscard]] const trace& notes() const noexcept { return world_.notes; }

 private:
  struct lock {
    std::string id;
    std::int64_t cap = 0;      // for a semaphore
    std::int64_t resized = 0;  // what the last answer to a resize said of it
    bool shared = false;       // there are readers, too
    bool observed = false;
    [[nodiscard]] bool can_be_led() const noexcept { return cap == 0 && !shared; }
  };
  struct worker;

  // What clients do (run.cpp).
  void start(const std::string& name);
  void think(const std::shared_ptr<worker>& w);
  void call(const std::shared_ptr<worker>& w);
  void call(const std::shared_ptr<worker>& w, std::size_t which, protocol::acquire_plan plan);
  [[nodiscard]] bool acquire_another(const std::shared_ptr<worker>& w, const hold& h, std::function<void()> then);
  void use(const std::shared_ptr<worker>& w, const std::shared_ptr<hold>& h, bool renews);
  void resize(const std::shared_ptr<worker>& w, lock& l);
  void ask_to_resize(const std::shared_ptr<worker>& w, lock& l, protocol::request r, protocol::ms until);
  void learn_permits(lock& l);
  [[nodiscard]] protocol::acquire_plan plan_for(const process& p, const lock& l);
  void acquire_all_once(bool late_copies);
  void die_with_all();
  void check_observers(const lock& l, std::int64_t leader);
  void wait_until_usual(const lock& l);
  void lose_releases();
  void nothing_kept();
  void finish();

  // The faults (faults.cpp).
  void weather();
  void next_fault();
  void harm_servers();
  void harm_clients();
  void harm_channel();
  void interfere();
  void mongo_dlock(const lock& l, int tries);
  void sweep();
  void heal();
  void during(protocol::ms time, std::function<void()> end);
  void aim(process& p, const std::string& on, const protocol::request* r, bool no_answer);
  void edit(const lock& l);
  [[nodiscard]] bool is_strange(const version& v) const;
  void make_strange(const lock& l);
  void restore(const std::string& id, const version& v);
  void revoke(const lock& l, const std::string& id);
  void notify_falsely();
  void revoke_when_granted(const lock& l, const std::string& id, int tries);
  void hit(fault f, const std::string& id);
  [[nodiscard]] tick all_are_over() const;
  void close(const std::shared_ptr<process>& p);
  void end_process(const std::shared_ptr<process>& p, protocol::ms next);
  [[nodiscard]] std::shared_ptr<process> anybody();

  static constexpr protocol::ms kSkew = 500;        // clock_skew of all locks
  static constexpr protocol::ms kTimeout = 10'000;  // of a call

  world world_;
  std::vector<lock> locks_;
  std::vector<std::shared_ptr<observer>> observers_;
  std::vector<protocol::ms> leases_;
  protocol::ms wait_period_ = 5000;
  protocol::ms longest_hold_ = 0;
  protocol::ms longest_thought_ = 0;
  protocol::ms pause_ = 0;   // between faults, on average
  int workers_ = 0;          // in each process
  int nests_ = 0;            // one of so many holders acquires another lock. 0: none
  int strays_ = 0;           // one of so many calls has another capacity or expiry. 0: none
  int aims_ = 0;             // one of so many commands is followed by a fault of its process. 0: none
  bool linger_ = false;      // leases linger
  bool subscribes_ = false;  // the processes subscribe to events
  int local_turns_ = 1;      // how many calls of a process may use one grant
  bool crowd_ = false;       // many processes, so that some are far back in a queue
  bool edits_ = false;       // an operator edits documents
  bool gathers_ = false;     // readers and users of a semaphore stay for long beside each other, and some are revoked
  int born_ = 0;             // number of processes that were started
  bool stormy_ = true;       // faults go on
  bool open_ = true;         // new calls are made
};

}  // namespace dlock::simulator
