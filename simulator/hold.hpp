#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/client.hpp"

namespace dlock::simulator {

class process;

/// A lease, as its owner sees it. What is held the engine knows.
class hold : public std::enable_shared_from_this<hold> {
 public:
  using phase = engine::hold_phase;

  hold(std::shared_ptr<process> in, engine::hold_id number);
  hold(const hold&) = delete;
  hold& operator=(const hold&) = delete;
  virtual ~hold() = default;

  void begin();
  /// `done`: whether it was released by this. The lock stays taken until `keep` ms after the grant.
  void release(std::function<void(bool)> done, protocol::ms keep = 0);
  /// Its owner goes without a release.
  void abandon();
  /// From a writer to a reader.
  void downgrade(std::function<void(bool)> done);
  /// Another value, as election::proclaim.
  void publish(const std::string& value, std::function<void(bool)> done);
  /// Somebody says that it was revoked, be that so or not.
  void notice();
  /// Its process was killed.
  void died() noexcept { over_ = phase::released; }
  void changed(const engine::hold_changed& c);

  /// What lease::held() says: also while its process is stopped.
  [[nodiscard]] bool believes() const;
  [[nodiscard]] phase now() const;
  [[nodiscard]] protocol::ms valid_until() const;
  [[nodiscard]] const std::shared_ptr<process>& in() const noexcept { return in_; }
  [[nodiscard]] engine::hold_id number() const noexcept { return number_; }
  [[nodiscard]] const protocol::request& ask() const noexcept { return first_.ask; }
  /// What it holds at least: less than it asked for, once a downgrade was sent.
  [[nodiscard]] const protocol::claim& what() const noexcept { return what_; }
  [[nodiscard]] std::int64_t token() const noexcept { return first_.token; }

 protected:
  hold(std::shared_ptr<process> in, engine::hold_id number, engine::client::lease granted);
  /// What the engine says of it; null: nothing any more.
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
