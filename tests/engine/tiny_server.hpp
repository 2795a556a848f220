#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/client.hpp"
#include "protocol/batch.hpp"
#include "protocol/express.hpp"
#include "reference/names.hpp"
#include "reference/transition.hpp"

namespace dlock::engine {

inline std::string show(const protocol::request& r) {
  return std::string(name_of(r.op)) + " " + r.id + (r.tomb > 0 ? " for good" : "");
}

inline std::string show(loss why) {
  static constexpr const char* names[] = {"not renewed", "ended", "gone", "revoked"};
  return names[static_cast<std::size_t>(why)];
}

inline std::string show(hold_phase now) {
  static constexpr const char* names[] = {"held", "releasing", "in doubt", "released", "lost"};
  return names[static_cast<std::size_t>(now)];
}

inline std::string show(const event& e) {
  const auto named = [](auto what, std::initializer_list<const char*> names) {
    return std::string(names.begin()[static_cast<std::size_t>(what)]);
  };
  const auto doubt = [](bool in_doubt) { return std::string(in_doubt ? ", in doubt" : ""); };
  if (const auto* a = std::get_if<acquire_ended>(&e)) {
    if (a->refused) return "refused" + doubt(a->in_doubt);
    return named(a->what, {"acquired", "busy", "timed out", "cancelled", "no answer", "not a lock", "other capacity",
                           "other expiry"}) +
           doubt(a->in_doubt);
  }
  if (const auto* w = std::get_if<waiting>(&e)) return "waits at " + std::to_string(w->last.place);
  if (const auto* r = std::get_if<release_ended>(&e)) {
    return "release: " + named(r->what, {"released", "lost", "not held", "unknown"});
  }
  if (const auto* k = std::get_if<ask_ended>(&e)) {
    return named(k->what, {"answered", "no lock there", "failed", "closed"}) + doubt(k->in_doubt);
  }
  if (const auto* h = std::get_if<hold_changed>(&e)) {
    return show(h->now) + (h->now == hold_phase::lost ? ": " + show(h->why) : "") +
           (h->by.empty() ? "" : " by " + h->by);
  }
  if (const auto* l = std::get_if<leader_changed>(&e)) return "leader: " + (l->leader ? l->leader->value : "-");
  if (const auto* t = std::get_if<subscriber_event>(&e)) {
    return t->what ? (t->what->locked ? "told of lock " : "told of unlock ") + std::to_string(t->what->token)
                   : "told of a gap";
  }
  if (const auto* n = std::get_if<notifications_changed>(&e)) {
    return named(n->which, {"inbox", "events", "outbox"}) + (n->works ? " works" : " fails: " + n->why);
  }
  if (std::holds_alternative<renewal_ended>(e)) return "";  // it is only for counts
  return named(std::get<trouble>(e).what,
               {"no answer yet", "no renewal yet", "no peek yet", "no leader seen", "unconfirmed"});
}

/// A server without a network: documents in memory, on the reference model.
struct tiny_server {
  static constexpr ms epoch = 1'000'000'000'000;
  enum class fault {
    none,
    lost_request,  // no answer, nothing was done, in doubt
    lost_answer,   // no answer although it was done, in doubt
    unreachable,   // no answer, and surely nothing was sent
    refused,
  };
  std::map<std::string, std::optional<protocol::document>> documents;
  fault what = fault::none;

  protocol::reply carry_out(const protocol::request& r, ms now) {
    auto& d = documents[r.lock];
    auto result = protocol::transition(d, r, epoch + now);
    d = std::move(result.after);
    const bool in_short = r.how != protocol::form::whole && result.answer.found && result.answer.valid;
    if (in_short) result.answer.calm = protocol::is_calm(*d, r);
    return std::move(result.answer);
  }
  std::vector<protocol::reply> carry_out(const std::vector<protocol::request>& all, ms now) {
    if (all.size() == 1) return {carry_out(all.front(), now)};
    auto& d = documents[all.front().lock];
    auto result = protocol::transition(d, all, epoch + now);
    d = std::move(result.after);
    return std::move(result.answers);
  }
  std::vector<answer> apply(const std::vector<protocol::request>& all, ms now) {
    const bool done = what == fault::none || what == fault::lost_answer;
    auto replies = done ? carry_out(all, now) : std::vector<protocol::reply>(all.size());
    std::vector<answer> out(all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      auto& a = out[i];
      if (what == fault::none) {
        a.what = answer::kind::replied;
        a.reply = std::move(replies[i]);
        a.early = protocol::may_be_early(all[i]) && a.reply.calm;
        continue;
      }
      a.what = what == fault::refused ? answer::kind::refused : answer::kind::no_answer;
      a.why = "a fault";
      a.in_doubt = what == fault::lost_request || what == fault::lost_answer;
    }
    return out;
  }
  lookup_answer read(const protocol::lookup& l, ms now) const {
    lookup_answer out;
    out.why = "a fault";
    if (what != fault::none) return out;
    out.what = answer::kind::replied;
    auto ids = l.ids;
    if (ids.empty()) ids.push_back(l.id);
    for (const auto& id : ids) {
      const auto it = documents.find(id);
      if (it != documents.end() && it->second) out.seen.push_back({.id = id, .now = epoch + now, .what = *it->second});
    }
    return out;
  }
};

}  // namespace dlock::engine
