// Random histories of one lock, judged by rules that know nothing of how the transition is written.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <sstream>

#include "support/generate.hpp"
#include "unit/lock_in_memory.hpp"

namespace dlock::testing {
namespace {

constexpr int kHistories = 4000;

/// What happened in all histories together: rules about what never happened would hold by themselves.
struct coverage {
  int granted_from_queue = 0, shared = 0, ended = 0, evicted = 0, renewed = 0, queued = 0, stale = 0;
  int downgraded = 0, downgrade_admitted = 0, upgrade_refused = 0, published = 0;
  int revoked = 0, renewal_of_revoked = 0, revoked_let_go = 0, revoked_ended = 0;
  int resized_up = 0, resize_admitted = 0, above_capacity = 0, too_heavy_left = 0;
  int late_amend = 0, late_resize = 0;
};

std::vector<std::string> ids(const auto& entries) {
  std::vector<std::string> out;
  for (const auto& e : entries) out.push_back(e.id);
  return out;
}

/// By its token, too: an id that has gone comes again in these histories, and then two kept holders have one name.
const holder* find(const std::vector<holder>& holders, const holder& who) {
  const auto it =
      std::find_if(holders.begin(), holders.end(), [&](auto& h) { return h.id == who.id && h.fence == who.fence; });
  return it == holders.end() ? nullptr : &*it;
}

std::vector<claim> claims_of(const std::vector<holder>& holders) {
  std::vector<claim> out;
  for (const auto& h : holders) out.push_back(h.what);
  return out;
}

/// Whoever is exclusive is alone.
bool alone(const std::vector<claim>& claims) {
  return claims.size() < 2 || std::none_of(claims.begin(), claims.end(), [](auto& c) { return c.exclusive; });
}

bool within(const std::vector<claim>& claims, std::int64_t cap) {
  std::int64_t sum = 0;
  for (const auto& c : claims) sum += c.weight;
  return cap == 0 || sum <= cap;
}

bool is_less(const claim& a, const claim& b) {
  return a != b && (b.exclusive || (!a.exclusive && a.weight < b.weight));
}

class historian {
 public:
  /// `tells` the whole story with what is wrong: that takes time.
  historian(coverage& seen, bool tells) : seen_(seen), tells_(tells) {}

  /// What is wrong, or nothing.
  std::string run(std::vector<step> steps) {
    for (auto& s : steps) {
      now_ += s.passes;
      clock_ = std::max(clock_, now_);
      if (!s.request) {
        node();
        continue;
      }
      aim(*s.request);
      // An acquisition has one TTL, whatever it sends.
      s.request->delta = deltas_.try_emplace(s.request->id, s.request->delta).first->second;
      play(*s.request);
      if (!wrong_.empty()) return wrong_ + " by " + log_;
    }
    return "";
  }

 private:
  void must(bool holds, const char* rule) {
    if (!holds && wrong_.empty()) wrong_ = rule;
  }

  /// Makes most requests speak of somebody who is there.
  void aim(request& r) const {
    if (before_ && r.life % 5 != 0) r.resized = before_->resized;  // else it comes late
    if (!before_ || r.op == operation::enqueue || r.op == operation::try_) return;
    auto known = ids(before_->holders);
    if (r.op != operation::amend && r.op != operation::revoke) {
      for (const auto& id : ids(before_->waiters)) known.push_back(id);
    }
    std::erase_if(known, [](const auto& id) { return id.ends_with("/kept"); });  // nobody's
    const auto n = static_cast<std::size_t>(r.life) % (known.size() + 1);
    if (n < known.size()) r.id = known[n];
    if (r.op != operation::resize || r.life % 2 == 0) return;
    for (const auto& w : before_->waiters) {
      if (w.what.weight > 1) r.cap = w.what.weight - 1;
    }
  }

  void node() {
    before_ = by_mongo_dlock(before_, now_);
    if (!before_) resized_at_ = never;
    note("mongo-dlock");
    // It looked at `et`, which is not over before our leases are.
    if (before_ && before_->ct != before_->mine) must(believers().empty() || before_->et >= now_, "mongo-dlock got in");
  }

  void play(const request& r) {
    const auto [after, answer] = transition(before_, r, now_);
    if (now_ < clock_) ++seen_.stale;
    if (!answer.found) {
      must(after == before_, "not found, and yet changed");
      not_found(r);
    } else if (only_reads(r)) {
      must(after == before_, "read, and yet changed");
    } else {
      const document was = before_.value_or(document{});
      const bool evicted = was.ct != was.mine;
      const bool theirs = evicted && was.et && *was.et > now_ - r.skew;
      must(after->rev == was.rev + 1, "rev was not counted");
      holders(was, *after, r, evicted);
      capacity(was, *after, r, evicted);
      tokens(was, *after, theirs);
      queue(was, *after, r, theirs);
      if (!theirs) must(!r.skew || after->holders.empty() || after->et > after->holders[0].until, "et is not padded");
      if (after->ct == after->mine && after->holders.empty())
        must(after->lockd == lockd_flag::absent, "free, with a lockd");
    }
    before_ = after;
    note(r);
    if (!only_reads(r)) belief(r, answer);
  }

  void holders(const document& was, const document& is, const request& r, bool evicted) {
    must(alone(claims_of(is.holders)), "incompatible holders");
    if (is.holders.size() > 1) ++seen_.shared;
    if (evicted) {
      must(is.holders.empty() || is.holders[0].fence > was.fence, "somebody survived a take-over by mongo-dlock");
      if (!was.holders.empty()) ++seen_.evicted;
      return;
    }
    for (const auto& h : was.holders) {
      const auto* stays = find(is.holders, h);
      const bool leaves = h.id == r.id && (r.op == operation::release || r.op == operation::cancel);
      if (h.until <= now_ - r.skew && !stays) ++(h.revoked ? seen_.revoked_ended : seen_.ended);
      if (leaves && h.revoked) ++seen_.revoked_let_go;
      if (leaves) must(stays == nullptr, "released, and still there");
      if (leaves || h.until <= now_ - r.skew) continue;
      must(stays != nullptr, "a live holder is gone");
      if (stays == nullptr) continue;
      must(stays->until >= h.until, "a lease was shortened");
      must(stays->fence == h.fence && stays->since == h.since, "a holder's token or start was changed");
      const bool touched = h.id == r.id && r.op != operation::resize;
      must(touched || *stays == h, "a holder was touched by somebody else");
      if (touched) mine(h, *stays, r, is);
      if (stays->until > h.until) ++seen_.renewed;
    }
  }

  /// What a command did to the holder that it speaks of.
  void mine(const holder& was, const holder& is, const request& r, const document& after) {
    if (was.revoked) must(is == was, "a revoked holder was changed");
    const bool changed = is.what != was.what || is.value != was.value;
    must(!changed || r.op == operation::amend, "a claim or value was changed by another operation");
    must(is.what == was.what || is_less(is.what, was.what), "a holder has more than it had");
    must(is.revoked == (was.revoked || r.op == operation::revoke), "revoked by another operation, or not by this one");
    if (r.op == operation::revoke) must(is.until == was.until, "a revocation moved a lease");
    if (r.op == operation::revoke && !was.revoked) ++seen_.revoked;
    if (r.op != operation::amend || was.revoked) return;
    const bool possible = after.cap == 0 || r.what.weight <= after.cap;
    const bool late = r.seq <= was.seq;
    const bool allowed =
        !late && (r.what == was.what || (is_less(r.what, was.what) && (possible || !was.what.exclusive)));
    must(is.what == (allowed ? r.what : was.what), "an amendment did not do what it says, or what it must not");
    must(is.value == (allowed ? r.value : was.value), "not the value that was published");
    if (is.value != was.value) ++seen_.published;
    if (late) ++seen_.late_amend;
    if (!allowed && !late && r.what.exclusive) ++seen_.upgrade_refused;
    if (is.what == was.what) return;
    ++seen_.downgraded;
    if (after.holders.back().fence > was.fence && !after.holders.back().announced) ++seen_.downgrade_admitted;
  }

  /// A holder of ours that is alive is found, unless it was revoked and wants to renew.
  void not_found(const request& r) {
    if (!before_ || before_->ct != before_->mine || !targets_holder(r)) return;
    for (const auto& h : before_->holders) {
      if (h.id != r.id || h.until <= now_ - r.skew) continue;
      must(h.revoked && r.op == operation::renew, "a live holder was not found");
      ++seen_.renewal_of_revoked;
    }
  }

  /// Only a resize gives a lock in use another capacity. It takes nothing from holders, so they may have more than
  /// there is; but then nobody is admitted, and it does not become so by anything else.
  void capacity(const document& was, const document& is, const request& r, bool evicted) {
    std::vector<claim> stayed;
    bool granted = false;
    for (const auto& h : is.holders) {
      // by its token: a release that keeps takes the id away
      const auto old =
          std::find_if(was.holders.begin(), was.holders.end(), [&](auto& o) { return o.fence == h.fence; });
      if (!evicted && old != was.holders.end()) stayed.push_back(old->what);
      if (h.fence > was.fence) granted = true;
    }
    const bool above = !within(claims_of(is.holders), is.cap);
    must(!above || !granted, "admitted, although more is taken than there is");
    must(!above || r.op == operation::resize || !within(stayed, was.cap), "more is taken than there is");
    for (const auto& w : is.waiters) must(is.cap == 0 || w.what.weight <= is.cap, "a waiter would wait for ever");
    const bool comes = r.op == operation::enqueue || r.op == operation::try_;
    must(is.cap == was.cap || r.op == operation::resize || (comes && stayed.empty() && is.waiters.size() < 2),
         "another capacity for a lock in use");
    if (above) ++seen_.above_capacity;
    must((is.cap == was.cap) == (is.resized == was.resized), "a change of the capacity was not counted, or none was");
    if (r.op != operation::resize) return;
    const bool late = r.resized != was.resized;
    if (late) ++seen_.late_resize;
    must(is.cap == (late ? was.cap : r.cap) && was.cap > 0, "not the capacity that was asked for, or by a late copy");
    if (is.cap > was.cap) ++seen_.resized_up;
    if (granted) ++seen_.resize_admitted;
    resized_at_ = was.fence;
  }

  void tokens(const document& was, const document& is, bool theirs) {
    std::int64_t last = was.fence;
    must(is.fence >= last, "the fence fell");
    for (const auto& h : is.holders) {
      // by its token: a release that keeps takes the id away
      if (std::any_of(was.holders.begin(), was.holders.end(), [&](auto& old) { return old.fence == h.fence; }))
        continue;
      must(!theirs, "granted although mongo-dlock holds it");
      must(h.fence > last, "a token did not rise");
      must(h.fence % token_step == 0, "a token is not a whole step");
      last = h.fence;
    }
    must(is.fence == last, "the fence is not the last token");
  }

  /// Granted and waiting, in this order, is the queue as it was, and whoever came.
  void queue(const document& was, const document& is, const request& r, bool theirs) {
    if (r.op == operation::renew) return must(was.waiters == is.waiters, "a renewal touched the queue");
    std::vector<std::string> expected, got;
    for (const auto& w : was.waiters) {
      const bool leaves = w.id == r.id && r.op == operation::cancel;
      const bool too_heavy = r.op == operation::resize && is.cap > 0 && w.what.weight > is.cap;
      if (too_heavy) ++seen_.too_heavy_left;
      if (w.until > now_ - r.skew && !leaves && !too_heavy) expected.push_back(w.id);
    }
    const bool had_queue = !expected.empty();
    for (const auto& h : is.holders) {
      if (h.fence > was.fence) got.push_back(h.id);
    }
    if (had_queue && !got.empty()) ++seen_.granted_from_queue;
    for (const auto& id : ids(is.waiters)) got.push_back(id);
    seen_.queued += static_cast<int>(is.waiters.size());
    auto with_me = expected;
    with_me.push_back(r.id);
    const bool may_come = r.op == operation::enqueue || (r.op == operation::try_ && !had_queue && is.waiters.empty());
    must(got == expected || (may_come && got == with_me), "not first come, first served");
    if (theirs || is.waiters.empty()) return;
    auto claims = claims_of(is.holders);
    claims.push_back(is.waiters[0].what);
    must(!alone(claims) || !within(claims, is.cap), "the head of the queue waits for nothing");
  }

  /// What the clients think they hold, and until when: whatever the document says, they must not think so together.
  void belief(const request& r, const reply& answer) {
    // Somebody else's, and the holder is not told yet.
    if (r.op == operation::revoke || r.op == operation::resize) return;
    beliefs_.erase(r.id);
    const bool gives_up = r.op == operation::release || r.op == operation::cancel;
    if (answer.mine && !answer.mine->revoked && !gives_up)
      beliefs_[r.id] = {answer.mine->what, now_ + r.delta, answer.mine->fence};
    must(alone(believers()), "two who believe that they hold");
    // Those who were admitted before the last resize fitted the capacity of then; with one admitted since, all fit.
    must(!newcomer() || within(believers(), before_ ? before_->cap : 0), "too many who believe that they hold");
  }

  [[nodiscard]] std::vector<claim> believers() const {
    std::vector<claim> out;
    for (const auto& [id, b] : beliefs_) {
      if (b.end > clock_) out.push_back(b.what);
    }
    return out;
  }

  [[nodiscard]] bool newcomer() const {
    return std::any_of(beliefs_.begin(), beliefs_.end(),
                       [&](auto& b) { return b.second.end > clock_ && b.second.fence > resized_at_; });
  }

  void note(const auto& what) {
    if (!tells_) return;
    std::ostringstream out;
    out << "\n  at " << now_ << " " << what << "\n     -> ";
    if (before_) {
      out << *before_;
    } else {
      out << "no document";
    }
    log_ += out.str();
  }

  struct believed {
    claim what;
    ms end;
    std::int64_t fence = 0;
  };
  coverage& seen_;
  const bool tells_;
  std::optional<document> before_;
  ms now_ = 1000, clock_ = 1000;  // the time of commands may be stale, the clock is not
  static constexpr std::int64_t never = -1;
  std::int64_t resized_at_ = never;  // the last token before the last resize
  std::map<std::string, believed> beliefs_;
  std::map<std::string, ms> deltas_;
  std::string wrong_, log_;
};

/// The first smaller history that is wrong, too, and from there again.
std::string smallest(rc::Shrinkable<std::vector<step>> where) {
  coverage ignored;
  const auto wrong = [&](const auto& s) { return historian(ignored, true).run(s.value()); };
  std::string why = wrong(where);
  for (bool smaller = true; smaller;) {
    smaller = false;
    auto shrinks = where.shrinks();
    for (int tries = 0; tries < 2000; ++tries) {
      auto next = shrinks.next();
      if (!next) break;
      const auto w = wrong(*next);
      if (w.empty()) continue;
      where = *next;
      why = w;
      smaller = true;
      break;
    }
  }
  return why;
}

TEST(Transition, NoHistoryBreaksARule) {
  const char* given = std::getenv("DLOCK_TEST_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  rc::Random random(seed);
  const auto histories = history();
  coverage seen;
  for (int i = 0; i < kHistories; ++i) {
    const auto one = histories(random.split(), 100);
    const auto wrong = historian(seen, false).run(one.value());
    if (!wrong.empty())
      FAIL() << "history " << i << ", DLOCK_TEST_SEED=" << seed << ", made smaller: " << smallest(one);
  }
  EXPECT_GT(seen.granted_from_queue, 0);
  EXPECT_GT(seen.shared, 0);
  EXPECT_GT(seen.ended, 0);
  EXPECT_GT(seen.evicted, 0);
  EXPECT_GT(seen.renewed, 0);
  EXPECT_GT(seen.queued, 0);
  EXPECT_GT(seen.stale, 0);
  EXPECT_GT(seen.downgraded, 0);
  EXPECT_GT(seen.downgrade_admitted, 0);
  EXPECT_GT(seen.upgrade_refused, 0);
  EXPECT_GT(seen.published, 0);
  EXPECT_GT(seen.revoked, 0);
  EXPECT_GT(seen.renewal_of_revoked, 0);
  EXPECT_GT(seen.revoked_let_go, 0);
  EXPECT_GT(seen.revoked_ended, 0);
  EXPECT_GT(seen.resized_up, 0);
  EXPECT_GT(seen.resize_admitted, 0);
  EXPECT_GT(seen.above_capacity, 0);
  EXPECT_GT(seen.too_heavy_left, 0);
  EXPECT_GT(seen.late_amend, 0);
  EXPECT_GT(seen.late_resize, 0);
}

}  // namespace
}  // namespace dlock::testing
