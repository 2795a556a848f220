#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "protocol/read.hpp"
#include "store/channel.hpp"

namespace dlock::testing {

/// Somebody who follows a feed on a thread of its own, and what they heard: "open n1 n2 gap ..." (the field `n`).
class listening {
 public:
  listening(channel& where, channel::feed what, channel::place* from) : place_(from) {
    thread_ = std::jthread([this, &where, what = std::move(what), from](std::stop_token stop) {
      const channel::callbacks callbacks{.opened = [this] { note("open"); },
                                         .heard =
                                             [this](const bson_t* d) {
                                               if (const auto n = protocol::read_string(d, "n"); !n.empty()) note(n);
                                             },
                                         .gap = [this] { note("gap"); }};
      auto end = where.follow(what, *from, callbacks, stop);
      const std::lock_guard lock(guard_);
      end_ = std::move(end);
      changed_.notify_all();
    });
  }
  /// Tells it to end, and interrupts it.
  void stop(channel& where) {
    thread_.request_stop();
    where.interrupt(*place_);
  }

  /// Whether it hears this within half a minute.
  bool hears(const std::string& all) {
    return wait([&] { return heard_ == all; });
  }
  bool ends() {
    return wait([&] { return end_.has_value(); });
  }
  [[nodiscard]] std::string heard() {
    const std::lock_guard lock(guard_);
    return heard_;
  }
  [[nodiscard]] answer end() {
    const std::lock_guard lock(guard_);
    return end_.value_or(answer{});
  }

 private:
  template <typename Condition>
  bool wait(Condition c) {
    std::unique_lock lock(guard_);
    return changed_.wait_for(lock, std::chrono::seconds{30}, c);
  }
  void note(const std::string& what) {
    const std::lock_guard lock(guard_);
    heard_ += (heard_.empty() ? "" : " ") + what;
    changed_.notify_all();
  }

  channel::place* place_;
  std::mutex guard_;
  std::condition_variable changed_;
  std::string heard_;
  std::optional<answer> end_;
  std::jthread thread_;
};

/// Documents {n: <word>} for each word, to `to` if that is not empty.
inline std::vector<bson> words(const std::vector<std::string>& all, const std::string& to = "") {
  std::vector<bson> out;
  for (const auto& word : all) {
    out.push_back(make_bson());
    if (!to.empty()) append(out.back().get(), "to", to);
    if (to.empty()) append(out.back().get(), "event", "test");
    append(out.back().get(), "n", word);
  }
  return out;
}

}  // namespace dlock::testing
