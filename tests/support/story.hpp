#pragma once

#include <gtest/gtest.h>

#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/codec.hpp"

/// A language for what happens to one lock, one command after the other:
///
///   enqueue a b; try c -> not held; pass 5500; heartbeat b -> held, until 5000 = b |
///
/// A step is a command of one or several ids with options (`shared`, `w=2 of=3`: 2 of 3 permits, or a field of the
/// request, as in `keep=1000`; `stale=1500`: it carries a time that is so much older), or `pass` and milliseconds.
/// After `->` stand facts of the last answer, with times that count from now; after `=` who holds and who waits.
namespace dlock::testing {

/// Where a story happens.
class stage {
 public:
  stage() = default;
  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;
  virtual ~stage() = default;
  [[nodiscard]] virtual protocol::reply carry_out(const protocol::request& r, protocol::ms stale) = 0;
  virtual void pass(protocol::ms time) = 0;
  [[nodiscard]] virtual protocol::ms now() const = 0;
  /// "a b | c": a and b hold, c waits. Only if `=` is used.
  [[nodiscard]] virtual std::string state() const { throw std::logic_error("nobody can see the document here"); }
  /// For a resize by somebody who has seen the last one.
  [[nodiscard]] virtual std::int64_t resized() const = 0;
};

class story {
 public:
  explicit story(stage& where) : where_(where) {}

  /// A request as such a step has it: of its last id.
  [[nodiscard]] protocol::request asked(const std::string& step) { return parsed(step).back().first; }

  void play(const std::string& text) {
    for (const auto& one : split(text, ";")) {
      SCOPED_TRACE(one + " in: " + text);
      const auto [rest, state] = cut(one, " = ");
      const auto [command, facts] = cut(rest, " -> ");
      carry_out(command);
      for (const auto& fact : split(facts, ",")) EXPECT_EQ(seen(fact), fact);
      if (!state.empty()) {
        EXPECT_EQ(trimmed(where_.state()), state);
      }
    }
  }
  protocol::reply last;

 private:
  using asking = std::pair<protocol::request, protocol::ms>;

  static std::string trimmed(std::string_view s) {
    const auto from = s.find_first_not_of(" \n");
    return from == std::string_view::npos ? "" : std::string(s.substr(from, s.find_last_not_of(" \n") - from + 1));
  }
  static std::pair<std::string, std::string> cut(const std::string& s, const std::string& at) {
    const auto where = s.find(at);
    if (where == std::string::npos) return {trimmed(s), ""};
    return {trimmed(s.substr(0, where)), trimmed(s.substr(where + at.size()))};
  }
  static std::vector<std::string> split(std::string s, const std::string& by) {
    std::vector<std::string> out;
    while (!s.empty()) {
      const auto at = s.find(by);
      out.push_back(trimmed(s.substr(0, at)));
      s = at == std::string::npos ? "" : s.substr(at + by.size());
    }
    return out;
  }

  static protocol::operation operation_of(const std::string& name) {
    using enum protocol::operation;
    for (const auto op : {try_, enqueue, heartbeat, peek, renew, release, cancel, amend, revoke, resize}) {
      if (name == protocol::name_of(op)) return op;
    }
    throw std::logic_error("no operation: " + name);
  }

  std::vector<asking> parsed(const std::string& command) {
    std::istringstream words(command);
    std::string word;
    words >> word;
    protocol::request r{.op = operation_of(word), .lock = "lock"};
    protocol::ms stale = 0;
    if (r.op == protocol::operation::amend) r.seq = ++amendments_;
    if (r.op == protocol::operation::resize) r.resized = where_.resized();
    std::vector<std::string> ids;
    while (words >> word) {
      const auto [key, value] = cut(word, "=");
      if (word == "shared") {
        r.what = {.exclusive = false, .weight = 1};
      } else if (word == "observed") {
        r.observed = true;
      } else if (word.find('=') == std::string::npos) {
        ids.push_back(word);
      } else if (key == "value" || key == "who" || key == "client") {
        (key == "value" ? r.value : key == "who" ? r.who : r.client) = value;
      } else if (key == "w") {
        r.what = {.exclusive = false, .weight = std::stoll(value)};
      } else {
        number(r, stale, key) = std::stoll(value);
      }
    }
    std::vector<asking> out;
    for (auto& id : ids) {
      out.emplace_back(r, stale);
      out.back().first.id = std::move(id);
    }
    if (out.empty()) throw std::logic_error("of whom? " + command);
    return out;
  }
  static std::int64_t& number(protocol::request& r, protocol::ms& stale, const std::string& key) {
    if (key == "stale") return stale;
    if (key == "of") return r.cap;
    if (key == "delta") return r.delta;
    if (key == "term") return r.term;
    if (key == "life") return r.life;
    if (key == "skew") return r.skew;
    if (key == "keep") return r.keep;
    if (key == "tomb") return r.tomb;
    if (key == "seq") return r.seq;
    if (key == "floor") return r.floor;
    throw std::logic_error("no option: " + key);
  }

  void carry_out(const std::string& command) {
    if (command.starts_with("pass ")) return where_.pass(std::stoll(command.substr(5)));
    for (const auto& [r, stale] : parsed(command)) last = where_.carry_out(r, stale);
  }

  /// The fact of the last answer that `fact` is about, as it is.
  [[nodiscard]] std::string seen(const std::string& fact) const {
    const auto what = fact.substr(0, fact.find(' '));
    const auto number = [&](std::int64_t n) { return what + " " + std::to_string(n); };
    if (what == "held" || fact == "not held") return last.mine ? "held" : "not held";
    if (what == "found" || fact == "not found") {
      return last == protocol::reply{} ? "not found" : last.found ? "found" : "something else was found";
    }
    if (what == "dead" || fact == "not dead") return last.dead ? "dead" : "not dead";
    if (what == "revoked" || fact == "not revoked") return last.mine && last.mine->revoked ? "revoked" : "not revoked";
    if (what == "exclusive" || what == "weight") {
      if (!last.mine) return "not held";
      return last.mine->what.exclusive ? "exclusive" : "weight " + std::to_string(last.mine->what.weight);
    }
    if (what == "value" || fact == "no value") {
      return last.mine && !last.mine->value.empty() ? "value " + last.mine->value : "no value";
    }
    if (what == "until") return last.mine ? number(last.mine->until - where_.now()) : "not held";
    if (what == "foreign" || fact == "not foreign") {
      return last.foreign_until ? "foreign " + std::to_string(*last.foreign_until - where_.now()) : "not foreign";
    }
    if (what == "ends" || fact == "nothing ends")
      return last.next_end ? "ends " + std::to_string(*last.next_end - where_.now()) : "nothing ends";
    if (what == "place") return number(last.place);
    if (what == "holders") return number(last.holders);
    if (what == "queue") return number(last.queue);
    if (what == "cap") return number(last.cap);
    if (what == "heirs" || fact == "no heirs") {
      std::string out = last.heirs.empty() ? "no heirs" : "heirs";
      for (const auto& h : last.heirs) out += " " + h.id;
      return out;
    }
    throw std::logic_error("no fact: " + fact);
  }

  stage& where_;
  std::int64_t amendments_ = 0;
};

}  // namespace dlock::testing
