// One process of many, for test_crowd.py: crowd VERB URL DB [NUMBER]...
// It says on standard output, a pipe that all of them share, what it holds: one write for each line, so the lines of
// all are in the order in which they were written. A line "+" comes after a grant, a line "-" before the release.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <dlock/dlock.hpp>

namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr auto kForEver = 120s;  // whoever waits for so long will not get it

void say(char what, const std::string& text) {
  const std::string line = std::string(1, what) + ' ' + std::to_string(getpid()) + ' ' + text + '\n';
  if (write(STDOUT_FILENO, line.data(), line.size()) < 0) _exit(1);
}

std::string now() {
  const auto t = std::chrono::steady_clock::now().time_since_epoch();
  return std::to_string(std::chrono::duration_cast<std::chrono::nanoseconds>(t).count());
}

class dice {
 public:
  explicit dice(unsigned seed) : engine_(seed) {}
  int operator()(int from, int to) { return std::uniform_int_distribution<int>(from, to)(engine_); }
  template <typename List>
  void shuffle(List& list) {
    std::shuffle(list.begin(), list.end(), engine_);
  }

 private:
  std::mt19937 engine_;
};

dlock::client client_of(char** argv) {
  return dlock::client({.url = argv[2],
                        .db = argv[3],
                        .exp_delta = 5s,
                        .wait_lock_period = 1s,
                        .who = "crowd " + std::to_string(getpid())});
}

/// Runs `f`; an error is told as a line "!", unless it `hurries` and there was no answer in that time.
template <typename F>
void telling(bool hurries, F&& f) {
  try {
    std::forward<F>(f)();
  } catch (const dlock::error& e) {
    if (!hurries || e.code() != dlock::errc::unavailable) say('!', e.what());
  } catch (const std::exception& e) {
    say('!', e.what());
  }
}

/// permits: THREADS threads take 1 to 3 of PERMITS permits again and again, until standard input ends.
int permits(dlock::client& locks, int count, int threads) {
  std::atomic<bool> over = false;
  std::vector<std::jthread> all;
  for (int t = 0; t < threads; ++t) {
    all.emplace_back([&, t] {
      dice random(std::random_device{}());
      dlock::semaphore slots(locks, "slots", count);
      while (!over) {
        const bool hurries = random(1, 4) == 1;  // times out, as a rule
        telling(hurries, [&] {
          const int k = random(1, 3);
          auto got = slots.acquire(k, {.timeout = hurries ? milliseconds{random(1, 200)} : kForEver});
          if (!got && !hurries) return say('!', "no permit in two minutes");
          if (!got) return;
          const std::string what = std::to_string(t) + ' ' + std::to_string(k);
          say('+', what);
          std::this_thread::sleep_for(milliseconds{random(0, 20)});
          if (!got->held()) say('!', "lost: " + got->loss());
          say('-', what);
          (void)got->release();
        });
      }
    });
  }
  while (std::cin.get() != std::istream::traits_type::eof()) {
  }
  over = true;
  return 0;
}

/// exactly: PERMITS permits can be taken at once, and not one more.
int exactly(dlock::client& locks, int count) {
  dlock::semaphore slots(locks, "slots", count);
  std::vector<dlock::lease> held;
  for (int i = 0; i < count; ++i) {
    auto one = slots.acquire({.timeout = 60s});
    if (!one) return 1;
    held.push_back(std::move(*one));
  }
  if (slots.try_acquire()) return 1;
  const bool all = std::all_of(held.begin(), held.end(), [](const auto& l) { return l.held(); });
  held.clear();
  return all && slots.try_acquire(count) ? 0 : 1;
}

/// This process does not hold it, nor waits for it; what it could not give back in time goes on in the background. By
/// themselves a lease would end after 5.5 s, and a place in the queue after 15.
bool lets_go(dlock::client& locks, const std::string& id) {
  const auto begin = dlock::boot_clock::now();
  for (;;) {
    const auto s = locks.inspect(id);
    const auto is_mine = [&](const auto& each) { return each.who == *locks.options().who; };
    const bool holds = s && std::any_of(s->holders.begin(), s->holders.end(), is_mine);
    const bool waits = s && std::any_of(s->waiters.begin(), s->waiters.end(), is_mine);
    if (!holds && !waits) return true;
    if (dlock::boot_clock::now() > begin + (holds ? 4s : 12s)) return false;
    std::this_thread::sleep_for(10ms);
  }
}

/// several: ROUNDS times, three of ten locks, in any order. One in five attempts is in a hurry.
int several(dlock::client& locks, int rounds) {
  dice random(std::random_device{}());
  std::vector<int> order(10);
  std::iota(order.begin(), order.end(), 0);
  while (rounds > 0) {
    const bool hurries = random(1, 5) == 1;
    telling(hurries, [&] {
      random.shuffle(order);
      std::vector<dlock::mutex> three;
      std::string what;
      for (int i = 0; i < 3; ++i) {
        const auto one = std::to_string(order[static_cast<std::size_t>(i)]);
        three.emplace_back(locks, "lock-" + one);
        what += ' ' + one;
      }
      auto got = dlock::acquire_all({three[0], three[1], three[2]},
                                    {.timeout = hurries ? milliseconds{random(0, 100)} : kForEver});
      if (!got && !hurries) return say('!', "a deadlock? not all of" + what + " in two minutes");
      if (!got) {
        for (const auto& each : three) {
          if (!lets_go(locks, each.id())) say('!', "it keeps " + each.id() + " although it did not get all of" + what);
        }
        return;
      }
      say('+', what);
      std::this_thread::sleep_for(milliseconds{random(0, 5)});
      if (!got->held()) say('!', "lost: " + got->loss());
      say('-', what);
      (void)got->release();
      --rounds;
    });
  }
  return 0;
}

/// lead and own: is elected, or acquires a mutex; gives it up when a line comes, and wants it again.
template <typename Acquire>
int in_turn(Acquire acquire) {
  for (;;) {
    auto got = acquire();
    if (!got) return 1;
    say('+', now());
    std::string line;
    if (!std::getline(std::cin, line)) return 0;
    say('-', now());
    (void)got->release();
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 3 ? argv[1] : "";
  const auto number = [&](int i) { return i < argc ? std::atoi(argv[i]) : 0; };
  auto locks = client_of(argv);
  if (verb == "permits") return permits(locks, number(4), number(5));
  if (verb == "exactly") return exactly(locks, number(4));
  if (verb == "several") return several(locks, number(4));
  dlock::election cluster(locks, "cluster");
  dlock::mutex lock(locks, "mutex");
  if (verb == "lead") return in_turn([&] { return cluster.campaign(std::to_string(getpid())); });
  if (verb == "own") return in_turn([&] { return lock.acquire(); });
  return 2;
}
