#pragma once

#include <optional>
#include <string>
#include <utility>

#include "reference/transition.hpp"
#include "support/codec.hpp"
#include "support/story.hpp"

/// One lock on the reference model, and the server's clock.
namespace dlock::testing {

using namespace protocol;

inline constexpr ms kStart = 1'000'000;
inline constexpr ms kSkew = 500;  // request's default

class lock_in_memory final : public stage {
 public:
  std::optional<document> doc;
  std::optional<document> before;  // the last command
  ms clock = kStart;
  story told{*this};

  reply operator()(const request& r) { return at(clock, r); }
  /// With this time in the command, be it stale: the clock itself stays where it is.
  reply at(ms time, const request& r) {
    before = doc;
    auto out = transition(doc, r, time);
    doc = std::move(out.after);
    if (out.answer == reply{}) {
      EXPECT_EQ(doc, before) << "not found, and yet changed by " << r;
    }
    return out.answer;
  }
  reply play(const std::string& text) {
    told.play(text);
    return told.last;
  }

  [[nodiscard]] reply carry_out(const request& r, ms stale) override { return at(clock - stale, r); }
  void pass(ms time) override { clock += time; }
  [[nodiscard]] ms now() const override { return clock; }
  [[nodiscard]] std::int64_t resized() const override { return doc ? doc->resized : 0; }
  [[nodiscard]] std::string state() const override {
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

/// On a lock that nobody has used yet.
inline void play(const std::string& text) {
  lock_in_memory lock;
  lock.play(text);
}
/// With each of these in the place of OP.
inline void play_each(std::initializer_list<const char*> operations, const std::string& text) {
  for (const std::string op : operations) {
    auto one = text;
    for (auto at = one.find("OP"); at != std::string::npos; at = one.find("OP")) one.replace(at, 2, op);
    play(one);
  }
}

}  // namespace dlock::testing
