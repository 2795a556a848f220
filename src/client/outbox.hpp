#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "client/health.hpp"
#include "protocol/event.hpp"
#include "store/channel.hpp"
#include "util/environment.hpp"
#include "util/worker_pool.hpp"

namespace dlock {

/// What a client tells others, off the locking path: grants at once, one by one; announcements in order and in batches.
/// What cannot be told in time is dropped: heirs look by themselves, and a gap is announced.
class outbox {
 public:
  outbox(std::shared_ptr<channel> where, std::string channel_name, std::shared_ptr<health> state,
         std::shared_ptr<environment> env);
  outbox(const outbox&) = delete;
  outbox& operator=(const outbox&) = delete;
  /// flush(), and waits for its threads, at most 0.4 s in all.
  ~outbox();

  /// To the inbox of `client`.
  void tell(const std::string& client, const protocol::grant& g) { tell(client, protocol::grant_document(client, g)); }
  void tell(const std::string& client, const protocol::revocation& r) {
    tell(client, protocol::revocation_document(client, r));
  }
  void publish(protocol::announcement a);

  /// Waits until everybody is told and what was published is sent, or cannot be just now, at most `patience`. From then
  /// on nothing lingers.
  void flush(std::chrono::milliseconds patience);

 private:
  void tell(const std::string& client, bson document);
  struct shared;
  std::shared_ptr<shared> shared_;
  worker_pool tellers_{4, "dlock-tell"};
  worker_pool publisher_{1, "dlock-publish"};
};

}  // namespace dlock
