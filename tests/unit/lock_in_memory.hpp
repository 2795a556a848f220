#pragma once

#include <optional>
#include <string>
#include <utility>

#include "reference/transition.hpp"
#include "support/codec.hpp"

/// One lock and the server's clock, for tests of the model that read like a story.
namespace dlock::testing {

using namespace protocol;

inline constexpr ms kStart = 1'000'000;
inline constexpr ms kSkew = 500;  // request's default

inline request ask(operation op, std::string id) {
  request r;
  r.op = op;
  r.lock = "lock";
  r.id = std::move(id);
  return r;
}
inline request enqueue(std::string id) {
  return ask(operation::enqueue, std::move(id));
}
inline request try_for(std::string id) {
  return ask(operation::try_, std::move(id));
}
inline request heartbeat(std::string id) {
  return ask(operation::heartbeat, std::move(id));
}
inline request renew(std::string id) {
  return ask(operation::renew, std::move(id));
}
inline request release(std::string id) {
  return ask(operation::release, std::move(id));
}
inline request cancel(std::string id) {
  return ask(operation::cancel, std::move(id));
}

/// Asks to stay what enqueue() makes: exclusive. with_weight() makes it a downgrade.
inline request amend(std::string id, std::int64_t seq = 1) {
  auto r = ask(operation::amend, std::move(id));
  r.seq = seq;
  return r;
}
inline request revoke(std::string id) {
  return ask(operation::revoke, std::move(id));
}
inline request resize(std::int64_t cap, std::int64_t resized = 0) {
  auto r = ask(operation::resize, "whoever asks");
  r.cap = cap;
  r.resized = resized;
  return r;
}

inline request with_weight(request r, std::int64_t weight, std::int64_t cap = 0) {
  r.what = {.exclusive = false, .weight = weight};
  r.cap = cap;
  return r;
}
inline request with_delta(request r, ms delta) {
  r.delta = delta;
  return r;
}

inline request with_value(request r, std::string value) {
  r.value = std::move(value);
  return r;
}

class lock_in_memory {
 public:
  std::optional<document> doc;
  ms now = kStart;

  reply operator()(const request& r) { return at(now, r); }

  /// The command carries this time, be it stale: the clock itself stays where it is.
  reply at(ms time, const request& r) {
    auto out = transition(doc, r, time);
    doc = std::move(out.after);
    return out.answer;
  }

  /// By somebody who has seen how things are.
  [[nodiscard]] request resize(std::int64_t cap) const { return testing::resize(cap, doc ? doc->resized : 0); }

  /// "a b | c": a and b hold, c waits.
  [[nodiscard]] std::string state() const {
    if (!doc) return "no document";
    std::string out;
    for (const auto& h : doc->holders) out += h.id + " ";
    out += "|";
    for (const auto& w : doc->waiters) out += " " + w.id;
    return out;
  }

  /// These throw if there is no such entry.
  [[nodiscard]] const holder& held(const std::string& id) const { return entry(doc.value().holders, id); }
  [[nodiscard]] const waiter& queued(const std::string& id) const { return entry(doc.value().waiters, id); }

 private:
  template <typename Entry>
  static const Entry& entry(const std::vector<Entry>& entries, const std::string& id) {
    for (const auto& e : entries) {
      if (e.id == id) return e;
    }
    throw std::out_of_range("no entry of " + id);
  }
};

}  // namespace dlock::testing
