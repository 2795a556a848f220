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

constexpr int kHistories = 1500;

/// What happened in all histories together: rules about what never happened would hold by themselves.
struct coverage {
  int granted_from_queue = 0, shared = 0, ended = 0, evicted = 0, renewed = 0, queued = 0, stale = 0;
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

bool compatible(const std::vector<claim>& claims, std::int64_t cap) {
  std::int64_t sum = 0;
  for (const auto& c : claims) {
    if (c.exclusive && claims.size() > 1) return false;
    sum += c.weight;
  }
  return cap == 0 || sum <= cap;
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
    if (!before_ || r.op == operation::enqueue || r.op == operation::try_) return;
    auto known = ids(before_->holders);
    for (const auto& id : ids(before_->waiters)) known.push_back(id);
    std::erase_if(known, [](const auto& id) { return id.ends_with("/kept"); });  // nobody's
    const auto n = static_cast<std::size_t>(r.life) % (known.size() + 1);
    if (n < known.size()) r.id = known[n];
  }

  void node() {
    before_ = by_mongo_dlock(before_, now_);
    note("mongo-dlock");
    // It looked at `et`, which is not over before our leases are.
    if (before_ && before_->ct != before_->mine) must(believers().empty() || before_->et >= now_, "mongo-dlock got in");
  }

  void play(const request& r) {
    const auto [after, answer] = transition(before_, r, now_);
    if (now_ < clock_) ++seen_.stale;
    if (!answer.found) {
      must(after == before_, "not found, and yet changed");
    } else {
      const document was = before_.value_or(document{});
      const bool evicted = was.ct != was.mine;
      const bool theirs = evicted && was.et && *was.et > now_ - r.skew;
      must(after->rev == was.rev + 1, "rev was not counted");
      holders(was, *after, r, evicted);
      tokens(was, *after, theirs);
      queue(was, *after, r, theirs);
      if (!theirs) must(!r.skew || after->holders.empty() || after->et > after->holders[0].until, "et is not padded");
      if (after->ct == after->mine && after->holders.empty())
        must(after->lockd == lockd_flag::absent, "free, with a lockd");
    }
    before_ = after;
    note(r);
    belief(r, answer);
  }

  void holders(const document& was, const document& is, const request& r, bool evicted) {
    std::vector<claim> claims;
    for (const auto& h : is.holders) claims.push_back(h.what);
    if (!(r.op == operation::renew)) must(compatible(claims, is.cap), "incompatible holders");
    if (claims.size() > 1) ++seen_.shared;
    if (evicted) {
      must(is.holders.empty() || is.holders[0].fence > was.fence, "somebody survived a take-over by mongo-dlock");
      if (!was.holders.empty()) ++seen_.evicted;
      return;
    }
    for (const auto& h : was.holders) {
      const auto* stays = find(is.holders, h);
      const bool leaves = h.id == r.id && (r.op == operation::release || r.op == operation::cancel);
      if (h.until <= now_ - r.skew && !stays) ++seen_.ended;
      if (leaves) must(stays == nullptr, "released, and still there");
      if (leaves || h.until <= now_ - r.skew) continue;
      must(stays != nullptr, "a live holder is gone");
      if (stays == nullptr) continue;
      must(stays->until >= h.until, "a lease was shortened");
      must(stays->fence == h.fence && stays->since == h.since, "a holder's token or start was changed");
      must(h.id == r.id || *stays == h, "a holder was touched by somebody else");
      if (stays->until > h.until) ++seen_.renewed;
    }
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
      if (w.until > now_ - r.skew && !leaves) expected.push_back(w.id);
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
    std::vector<claim> claims;
    for (const auto& h : is.holders) claims.push_back(h.what);
    claims.push_back(is.waiters[0].what);
    must(!compatible(claims, is.cap), "the head of the queue waits for nothing");
  }

  /// What the clients think they hold, and until when: whatever the document says, they must not think so together.
  void belief(const request& r, const reply& answer) {
    if (r.op == operation::revoke) return;  // somebody else's, and its holder is not told yet
    beliefs_.erase(r.id);
    const bool gives_up = r.op == operation::release || r.op == operation::cancel;
    if (answer.mine && !answer.mine->revoked && !gives_up) beliefs_[r.id] = {answer.mine->what, now_ + r.delta};
    must(compatible(believers(), before_ ? before_->cap : 0), "two who believe that they hold");
  }

  [[nodiscard]] std::vector<claim> believers() const {
    std::vector<claim> out;
    for (const auto& [id, b] : beliefs_) {
      if (b.end > clock_) out.push_back(b.what);
    }
    return out;
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
  };
  coverage& seen_;
  const bool tells_;
  std::optional<document> before_;
  ms now_ = 1000, clock_ = 1000;  // the time of commands may be stale, the clock is not
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
}

}  // namespace
}  // namespace dlock::testing
