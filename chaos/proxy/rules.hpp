#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <string>

namespace chaos {

/// Who connects: member 0, member 1, ..., worker 0, worker 1, ..., and last all others.
constexpr std::size_t kMembers = 3;
constexpr std::size_t kWorkers = 10;
constexpr std::size_t kKnown = kMembers + kWorkers;
constexpr std::size_t kOthers = kKnown;
constexpr std::size_t kSources = kKnown + 1;

/// What is done to the traffic from one source to one member.
struct rule {
  bool hold_requests = false;  // they are delivered when the network is healed, as TCP would
  bool hold_replies = false;
  bool refuse = false;
  std::chrono::milliseconds delay{0};  // of replies
  /// The next `times` requests that contain `text` are carried out, but their replies are not delivered (or only half
  /// of each is) and the connection is reset.
  int times = 0;
  bool half = false;
  std::string text;

  [[nodiscard]] bool active() const {
    return hold_requests || hold_replies || refuse || delay.count() > 0 || times > 0;
  }
};

/// What was done, for the harness to see that its faults bite.
struct counters {
  std::size_t links = 0;    // connections, as far as it was known who made them
  std::size_t refused = 0;  // of them
  std::size_t reset = 0;    // by the command of that name
  std::size_t swallowed = 0;
  std::size_t halved = 0;
  std::size_t held = 0;     // times that bytes arrived and were held
  std::size_t delayed = 0;  // replies
};

class rules {
 public:
  rule& at(std::size_t source, std::size_t target) { return rules_[source][target]; }
  counters& count(std::size_t source, std::size_t target) { return counters_[source][target]; }
  void heal(std::size_t source, std::size_t target) { rules_[source][target] = {}; }

  /// Whether it matters just now who is who.
  [[nodiscard]] bool active() const;

  /// One line of JSON: {"w0>m0": {"links": 3, ...}, ...}, without what never happened.
  [[nodiscard]] std::string json() const;

 private:
  std::array<std::array<rule, kMembers>, kSources> rules_;
  std::array<std::array<counters, kMembers>, kSources> counters_{};
};

/// "m0", ..., "w0", ..., "others"
std::string source_name(std::size_t source);

}  // namespace chaos
