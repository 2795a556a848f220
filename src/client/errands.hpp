#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>

#include "client/activity.hpp"
#include "protocol/document.hpp"
#include "store/store.hpp"
#include "util/environment.hpp"
#include "util/worker_pool.hpp"

namespace dlock::detail {

/// Requests that are repeated in the background until they are answered. The threads that send them are those of the
/// caller's own requests, which must not stand behind thousands of these when a server comes back: few are sent at a
/// time while the server is silent, and whoever pauses until its next try keeps no thread. The first answer to anything
/// that the client asks ends the silence, and all that waits is sent: requests sent before that may hang in the driver
/// for as long as its time limits allow.
class errands : public std::enable_shared_from_this<errands> {
 public:
  using listener = std::function<void(const answer&)>;

  /// `io` sends, up to `most` at a time; a thread of `notices` watches the clock while anything pauses. After `closing`
  /// each is sent once more.
  errands(std::shared_ptr<store> where, std::shared_ptr<worker_pool> io, std::shared_ptr<worker_pool> notices,
          std::stop_token closing, std::size_t most, std::shared_ptr<environment> env);
  errands(const errands&) = delete;
  errands& operator=(const errands&) = delete;
  ~errands();

  /// Until `until` (by the environment's clock), by when what it is about runs out by itself: it is not sent at all if
  /// its turn comes no sooner. `told` hears the last answer, on a thread of `io`. `here` ends when all is done.
  void add(protocol::request r, protocol::ms until, activity::part here, listener told = {});
  /// The server has answered something just now.
  void server_answers();
  /// Forgets what is not under way.
  void stop();

 private:
  struct errand;
  [[nodiscard]] bool is_full() const;
  void pump();
  void attempt(std::shared_ptr<errand> e);
  void watch();

  const std::shared_ptr<store> where_;
  const std::shared_ptr<worker_pool> io_;
  const std::shared_ptr<worker_pool> notices_;
  const std::stop_token closing_;
  const std::size_t most_;
  const std::shared_ptr<environment> env_;

  std::mutex guard_;
  std::condition_variable_any changed_;
  std::multimap<protocol::ms, std::shared_ptr<errand>> waiting_;  // by when their next try is due
  std::size_t under_way_ = 0;
  std::atomic<protocol::ms> answered_{0};  // when the server last answered anything
  std::atomic<bool> silent_{false};        // one of these, sent after that, got no answer
  bool watched_ = false;
  bool stopped_ = false;
};

}  // namespace dlock::detail
