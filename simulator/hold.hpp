#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/client.hpp"

namespace dlock::simulator {

class process;

/// A lease, as its owner sees it. The engine knows what is really held.
class hold : public std::enable_shared_from_this<hold> {
 public:
  using phase = engine::hold_phase;

  hold(std::shared_ptr<process> in, engine::hold_id number);
  hold(const hold&) = delete;
  hold& operator=(const hold&) = delete;
  virtual ~hold() = default;

  void begin();
  /// `done` gets whether this call has released the lock. The lock stays taken until `keep` ms after the grant.
  void release(std::function<void(bool)> done, protocol::ms keep = 0, protocol::ms timeout = 10'000);
  /// The owner goes away without a release.
  void abandon();
  /// From a writer to a reader.
  void downgrade(std::function<void(bool)> done);
  /// Publishes another value, as election::proclaim does.
  void publish(const std::string& value, std::function<void(bool)> done);
  /// A revocation notice, true or false.
  void notice();
  /// The process was killed.
  void died() noexcept { over_ = phase::released; }
  void changed(const engine::hold_changed& c);

  /// What lease::held() returns. It can also be true while the process is stopped.
  [[nodiscard]] bool believes() const;
  [[nodiscard]] phase now() const;
  [[nodiscard]] protocol::ms valid_until() const;
  [[nodiscard]] const std::shared_ptr<process>& in() const noexcept { return in_; }
  [[nodiscard]] engine::hold_id number() const noexcept { return number_; }
  [[nodiscard]] const protocol::request& ask() const noexcept { return first_.ask; }
  /// The claim that it holds at least. After a downgrade was sent, this is less than it asked for.
  [[nodiscard]] const protocol::claim& what() const noexcept { return what_; }
  [[nodiscard]] std::int64_t token() const noexcept { return first_.token; }
  /// As it was when this owner got it.
  [[nodiscard]] const engine::client::lease& granted() const noexcept { return first_; }

 protected:
  hold(std::shared_ptr<process> in, engine::hold_id number, engine::client::lease granted);
  /// The lease in the engine. null: the engine does not have it any more.
  [[nodiscard]] virtual const engine::client::lease* there() const;

 private:
  void end(phase how);

  std::shared_ptr<process> in_;
  const engine::hold_id number_;
  const engine::client::lease first_;  // as it was granted
  protocol::claim what_;
  std::optional<phase> over_;
};

}  // namespace dlock::simulator
