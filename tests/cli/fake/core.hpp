#pragma once

#include <unistd.h>
#include <cerrno>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "document.hpp"

// The public API of dlock on a directory instead of a server, for tests of the command: linked instead of the library,
// it makes them run anywhere, also under sanitizers, and lets them break the "server" at will. The highest-numbered
// file of a lock is its document (document.hpp). The URL is fake:///DIRECTORY. Files in there steer it:
//
//     outage      no call gets an answer
//     silent      no call but the first contact gets one
//     evicted-ID  the next renewal or release finds that the lock is gone
//     deaf        no events come
//     events      is what subscribers are told, a line each: locked|unlocked, id, token, who, separated by tabs; or gap

namespace dlock::detail {

class runtime {
 public:
  client_options options;
  std::filesystem::path directory;

  [[nodiscard]] bool is(const std::string& what) const { return std::filesystem::exists(directory / what); }
  [[nodiscard]] std::string who() const { return options.who.value_or("somebody"); }

  void announce(const char* what, const std::string& id, std::int64_t token) const;

  /// Waits until the outage is over, or `stop`, or `deadline` has come.
  void reach(boot_clock::time_point deadline, const std::stop_token& stop = {}) const;
  void connect() const;
  void reach() const { reach(boot_clock::now() + options.operation_timeout); }

  /// Lets `change` look at and change the lock's document. Each change makes a new file with the next number, so that
  /// a process that is frozen in between is in nobody's way; whoever comes second with a number begins again.
  template <class Change>
  auto with(const std::string& id, Change change) const {
    const std::string draft = directory / ("draft-" + std::to_string(gettid()));
    for (;;) {
      const int number = newest(id);
      document now = read(id, number);
      const auto result = change(now);
      std::ofstream(draft, std::ios::trunc) << write_document(now);
      const int problem = link(draft.c_str(), file(id, number + 1).c_str()) == 0 ? 0 : errno;
      std::filesystem::remove(draft);
      if (problem == 0) return result;
      if (problem != EEXIST) throw error(errc::unavailable, "cannot reach the server " + directory.string());
    }
  }

  [[nodiscard]] document read(const std::string& id) const { return read(id, newest(id)); }
  [[nodiscard]] std::vector<std::string> ids() const;

  /// Something that goes on after a call; close() waits for it.
  void in_background(std::function<void()> job);
  void close();

 private:
  [[nodiscard]] std::filesystem::path file(const std::string& id, int number) const {
    return directory / ("lock-" + id + "." + std::to_string(number));
  }
  [[nodiscard]] int newest(const std::string& id) const;
  [[nodiscard]] document read(const std::string& id, int number) const;

  std::mutex mutex_;
  std::condition_variable idle_;
  int jobs_ = 0;
};

/// A lease.
class held_state {
 public:
  std::shared_ptr<runtime> client;
  lock_options options;
  std::string owner;
  std::int64_t token = 0;
  boot_clock::time_point granted;
  std::chrono::milliseconds ttl{};

  ~held_state() { stop(); }
  void begin();

  [[nodiscard]] boot_clock::time_point valid_until();
  [[nodiscard]] std::chrono::milliseconds valid_for();
  [[nodiscard]] bool is_lost() const { return lost_.stop_requested(); }
  [[nodiscard]] std::stop_token lost_token() const { return lost_.get_token(); }
  [[nodiscard]] std::string loss();
  void on_lost(std::function<void()> callback);
  release_result release(std::optional<std::chrono::milliseconds> at_least, std::chrono::milliseconds timeout);

 private:
  void stop();
  void keep(const std::stop_token& stop);
  void lose(const std::string& why);
  /// "", or why it is lost.
  [[nodiscard]] std::string look();
  void renew(boot_clock::time_point sent);
  [[nodiscard]] bool renews() const { return options.autorefresh.value_or(client->options.autorefresh); }

  std::mutex mutex_;
  std::condition_variable_any wake_;
  boot_clock::time_point valid_until_;
  std::string loss_;
  bool released_ = false;
  std::stop_source lost_;
  std::vector<std::unique_ptr<std::stop_callback<std::function<void()>>>> callbacks_;
  std::jthread keeper_;
};

/// A lock, and how it is wanted.
class lock_core {
 public:
  std::shared_ptr<runtime> client;
  lock_options options;
  claim_shape shape;
  std::string value;

  /// One lease; none: see the outcome.
  struct got {
    outcome result = outcome::busy;
    std::shared_ptr<held_state> lease;
    std::optional<holder_info> in_the_way;
  };
  [[nodiscard]] got acquire(const wait_options& how) const;

 private:
  [[nodiscard]] got try_once(const std::string& owner, bool queues, std::int64_t& ahead) const;
  void cancel(const std::string& owner) const;
};

/// Makes what only friends may.
struct claimed {
  static lease make(std::shared_ptr<held_state> state) { return lease(std::move(state)); }
  static const lock_core& lock(const claim& c) { return *c.lock_; }
  static lease_set make_set(std::vector<std::shared_ptr<held_state>> all);
};

}  // namespace dlock::detail
