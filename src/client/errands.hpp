#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>

#include "client/activity.hpp"
#include "engine/retry_queue.hpp"
#include "protocol/document.hpp"
#include "store/store.hpp"
#include "util/environment.hpp"
#include "util/worker_pool.hpp"

namespace dlock::detail {

/// Requests that are repeated in the background until they are answered: the threads of a retry queue. The threads that
/// send them are those of the caller's own requests; whoever pauses until its next try keeps none.
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
  using number = engine::retry_queue::number;
  struct errand {
    activity::part here;
    listener told;
  };
  void pump();
  void attempt(number n);
  void watch();

  const std::shared_ptr<store> where_;
  const std::shared_ptr<worker_pool> io_;
  const std::shared_ptr<worker_pool> notices_;
  const std::stop_token closing_;
  const std::shared_ptr<environment> env_;

  std::mutex guard_;
  std::condition_variable_any changed_;
  engine::retry_queue queue_;
  std::map<number, errand> errands_;       // but those that are being sent: their threads have them
  std::atomic<protocol::ms> answered_{0};  // when the server last answered anything
  std::atomic<bool> silent_{false};        // as queue_ has it
  bool watched_ = false;
  bool stopped_ = false;
};

}  // namespace dlock::detail
