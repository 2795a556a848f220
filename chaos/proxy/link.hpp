#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>

#include "rules.hpp"
#include "sockets.hpp"

namespace chaos {

using monotonic = std::chrono::steady_clock;

/// One connection from a source to a member, and the one behind it. Each direction has a queue of what has arrived and
/// may not or cannot be passed on yet.
class link {
 public:
  link(descriptor peer, descriptor member, std::size_t target);

  [[nodiscard]] int peer() const { return peer_.get(); }
  [[nodiscard]] int member() const { return member_.get(); }
  /// kOthers until it is known.
  [[nodiscard]] std::size_t source() const { return source_.value_or(kOthers); }
  [[nodiscard]] bool source_is_known() const { return source_.has_value(); }
  void comes_from(std::size_t source) { source_ = source; }
  [[nodiscard]] std::size_t target() const { return target_; }

  /// Takes in what `fd` has to say. Nothing to read is no harm.
  void read_from(int fd, rule& r, counters& c);

  /// Passes on what may be passed on now.
  void pass_on(const rule& r);

  /// Both sides get an RST when the link is destroyed.
  void reset();

  [[nodiscard]] bool over() const { return over_; }
  /// epoll's events to wait for on `fd`.
  [[nodiscard]] unsigned interest(int fd, const rule& r) const;
  /// When pass_on() may have more to do although nothing arrives.
  [[nodiscard]] std::optional<monotonic::time_point> next_due(const rule& r) const;

 private:
  struct chunk {
    std::string bytes;
    monotonic::time_point due;
  };
  struct direction {
    std::deque<chunk> queue;
    std::size_t size = 0;
    bool ended = false;    // nothing more will be read
    bool blocked = false;  // the kernel takes no more for now
  };
  enum class fate { none, swallow, half };

  void take(direction& d, std::string bytes, std::chrono::milliseconds delay);
  void write(direction& d, int fd);
  void doomed_reply(const std::string& bytes, counters& c);

  descriptor peer_;
  descriptor member_;
  std::optional<std::size_t> source_;
  std::size_t target_;
  direction requests_;
  direction replies_;
  fate fate_ = fate::none;
  bool over_ = false;
};

}  // namespace chaos
