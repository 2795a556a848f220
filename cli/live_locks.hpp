#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <dlock/client.hpp>

#include "grant_log.hpp"
#include "http_server.hpp"
#include "lock_changes.hpp"

namespace dlock::cli {

struct live_options {
  dlock::client_options client;
  std::string prefix;  ///< Only locks whose ids begin with it.
  std::chrono::milliseconds long_hold{};
  std::chrono::milliseconds long_wait{};
};

/// The locks of a collection, for whoever looks at them: all viewers share one read of the collection, which happens
/// once a second at most, and only while there are viewers. What changed is pushed to them, as docs/serve.md
/// describes. Whoever is named by an event is looked at at once. Events are heard all the time, for the times of
/// waiting and holding.
///
/// One thread reads and sends. Functions are thread-safe and do not block, except connect().
class live_locks {
 public:
  explicit live_locks(live_options options);
  live_locks(const live_locks&) = delete;
  live_locks& operator=(const live_locks&) = delete;
  ~live_locks();

  /// Contacts the server. Throws dlock::error if it refuses or the options are wrong. If it only gives no answer, that
  /// is returned, and start() goes on trying.
  [[nodiscard]] std::optional<std::string> connect();
  void start();

  void add_viewer(std::shared_ptr<http_stream> viewer);
  void answer_lock(const std::string& id, http_answer answer);
  void answer_locks(http_answer answer);

 private:
  using clock = std::chrono::steady_clock;
  using piece = std::shared_ptr<const std::string>;
  struct question {
    std::optional<std::string> id;  ///< None: all locks.
    http_answer answer;
  };
  /// What others want of the thread.
  struct wishes {
    std::vector<std::shared_ptr<http_stream>> viewers;
    std::vector<question> questions;
    std::set<std::string> named;  ///< By events.
    bool stop = false;
  };

  void hear(const dlock::lock_event& event);
  void run();
  [[nodiscard]] wishes wait();
  [[nodiscard]] bool may_look() const;
  void contact();
  void read_all();
  void look_at(const std::set<std::string>& ids);
  void admit(std::vector<std::shared_ptr<http_stream>> viewers);
  void send(const piece& text);
  void reply(const question& asked);
  [[nodiscard]] std::string lock_reply(const std::string& id);
  [[nodiscard]] piece changes_piece(const lock_changes& changes, bool full) const;
  [[nodiscard]] piece about_piece() const;
  [[nodiscard]] piece state_piece() const;
  void fail(const std::exception& problem);

  live_options options_;
  std::chrono::system_clock::time_point listening_since_;

  std::mutex mutex_;
  std::condition_variable woken_;
  wishes wishes_;
  grant_log grants_;

  // Only the thread uses these, once it runs.
  std::optional<dlock::client> client_;
  dlock::subscription events_;
  known_locks locks_;
  std::vector<std::shared_ptr<http_stream>> viewers_;
  clock::time_point next_read_;
  clock::time_point next_look_;
  int looks_left_ = 0;  // until the next read
  std::optional<clock::time_point> read_at_;
  std::string problem_;  // of the last read
  std::thread thread_;   // the last member: it ends first
};

}  // namespace dlock::cli
