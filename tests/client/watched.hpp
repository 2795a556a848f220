#pragma once

#include <sys/eventfd.h>

#include <limits>

#include "client/world.hpp"

namespace dlock::testing {

/// A client whose time stands still until a test lets it pass, and its leases. Its watch wakes for nothing but them.
struct watched : ::testing::Test {
  using ms = protocol::ms;
  using lease = std::shared_ptr<detail::lease_state>;
  static constexpr ms never = std::numeric_limits<ms>::max();
  static constexpr ms far = 86'400'000;  // longer than any test's time

  const std::shared_ptr<manual_environment> env = std::make_shared<manual_environment>();
  const std::shared_ptr<fake_store> store = running_store(env);
  const std::shared_ptr<fake_channel> channel;  // null: none
  const int clock = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::mutex guard;
  std::string log;
  std::shared_ptr<detail::runtime> core;

  explicit watched(std::shared_ptr<fake_channel> notices = nullptr) : channel(std::move(notices)), core(client(clock)) {
    // The first lease that has been held for a while has the client listen for revocations.
    std::size_t before = 0;
    {
      const ms begin = now();
      const auto first = hold("first", far, false);
      before = published();
      go_to(begin + 250);
    }
    EXPECT_TRUE(is_dropped(1));
    settle(before);
  }

  std::shared_ptr<detail::runtime> client(int wall_clock) {
    auto o = world::quick();
    o.log = [this](log_level, std::string_view message) {
      const std::lock_guard lock(guard);
      log += std::string(message) + "\n";
    };
    o = validated(std::move(o));
    auto to = logger::make(o.log);
    return std::make_shared<detail::runtime>(std::move(o), store, channel, std::make_shared<worker_pool>(16),
                                             std::move(to), env, std::make_unique<clock_watch>(wall_clock));
  }

  lease hold(const std::string& lock, ms delta, bool renews = true) { return hold(*core, lock, delta, renews); }
  lease hold(detail::runtime& in, const std::string& lock, ms delta, bool renews = true) const {
    const auto before = published();
    protocol::acquire_plan plan{.ask = in.blank_request(lock), .queue = false, .renews = renews};
    plan.ask.delta = plan.ask.term = plan.ask.life = delta;
    plan.deadline = now() + far;
    const auto got = in.acquire(std::move(plan), {});
    EXPECT_EQ(got.what, outcome::acquired);
    settle(before);
    return got.record;
  }

  [[nodiscard]] ms now() const { return env->now_ms(); }
  /// The watch sleeps until then. Only for a time that it was not to wake at before: else that may be what is seen.
  [[nodiscard]] bool sleeps_until(ms at) const {
    return eventually([&] { return env->next() == at; });
  }
  /// It is `at`, which is when the watch wakes.
  void go_to(ms at) const {
    EXPECT_TRUE(sleeps_until(at)) << "it sleeps until " << env->next().value_or(0) - now() << ", not " << at - now()
                                  << " from now";
    env->advance(at - now());
  }
  /// Not at once: the thread that brought the grant may keep a lease for a moment. Then it is given back.
  [[nodiscard]] bool is_dropped(std::size_t nth) const { return asked(operation::release, nth); }
  [[nodiscard]] bool asked(operation op, std::size_t times) const {
    return eventually([&] { return store->count(op) >= times; });
  }
  /// Not at once: it has a thread of its own.
  [[nodiscard]] bool logs(const std::string& text) {
    return eventually([&] {
      const std::lock_guard lock(guard);
      return log.find(text) != std::string::npos;
    });
  }
  /// Whether it is renewed now.
  [[nodiscard]] bool is_extended(const lease& l, ms delta) const {
    return eventually([&] { return l->valid_until() == protocol::valid_until(now(), delta); });
  }
  /// When the loss was told; never, if it is not within half a minute.
  [[nodiscard]] ms time_of_loss(const lease& l) const {
    auto when = std::make_shared<std::promise<ms>>();
    core->on_lost(*l, [when, e = env] { when->set_value(e->now_ms()); });
    auto told = when->get_future();
    return told.wait_for(30s) == std::future_status::ready ? told.get() : never;
  }

 private:
  [[nodiscard]] std::size_t published() const { return channel ? channel->count(core->options().notif_channel) : 0; }
  /// What a grant or a release has to tell everybody is told: that has times of its own.
  void settle(std::size_t before) const {
    if (!channel) return;
    EXPECT_TRUE(eventually([&] {
      if (env->next() == now() + 20) env->advance(20);
      return published() > before;
    }));
    go_to(now() + 100);
  }
};

}  // namespace dlock::testing
