// Mutations of the reference model: what goes in or comes out is changed.
#include <algorithm>
#include <utility>

#include "contract/mutations.hpp"

namespace dlock::testing {

using namespace protocol;

namespace {

mutation model(const char* name, model_function changed) {
  return {name, {.model = std::move(changed)}};
}

mutation model_request(const char* name, std::function<void(request&)> change) {
  return model(name, [change = std::move(change)](const state& d, request r, ms now) {
    change(r);
    return transition(d, r, now);
  });
}

mutation model_after(const char* name, std::function<void(document&, const request&, ms)> change) {
  return model(name, [change = std::move(change)](const state& d, const request& r, ms now) {
    auto out = transition(d, r, now);
    if (out.after && out.answer.found) change(*out.after, r, now);
    return out;
  });
}

}  // namespace

std::vector<mutation> of_the_model() {
  return {
      model_request("the clock skew is forgotten", [](request& r) { r.skew = 0; }),
      model_request("the floor is forgotten", [](request& r) { r.floor = 0; }),
      model_request("a heartbeat appends",
                    [](request& r) {
                      if (r.op == operation::heartbeat) r.op = operation::enqueue;
                    }),
      model_request("a renewal purges and admits",
                    [](request& r) {
                      if (r.op == operation::renew) r.op = operation::heartbeat;
                    }),
      model_request("a try queues",
                    [](request& r) {
                      if (r.op == operation::try_) r.op = operation::enqueue;
                    }),
      model_request("a release does not keep", [](request& r) { r.keep = 0; }),
      model_request("a cancel leaves no tombstone", [](request& r) { r.tomb = 0; }),
      model("an entry has not ended at its very end",
            [](const state& d, request r, ms now) {
              ++r.skew;
              auto out = transition(d, r, now);
              if (out.after && out.answer.found && !out.after->holders.empty() && !out.answer.foreign_until)
                --*out.after->et;
              return out;
            }),
      model("tombstones are ignored",
            [](state d, const request& r, ms now) {
              std::vector<tombstone> gone;
              if (d && (r.op == operation::enqueue || r.op == operation::try_)) gone.swap(d->gone);
              auto out = transition(d, r, now);
              if (out.after) out.after->gone.insert(out.after->gone.end(), gone.begin(), gone.end());
              return out;
            }),
      model("a try barges",
            [](state d, const request& r, ms now) {
              std::vector<waiter> queue;
              if (d && r.op == operation::try_) queue.swap(d->waiters);
              auto out = transition(d, r, now);
              if (out.after && out.after->waiters.empty()) out.after->waiters = queue;
              return out;
            }),
      model("mongo-dlock is not looked for",
            [](state d, const request& r, ms now) {
              if (d) d->mine = d->ct;
              return transition(d, r, now);
            }),
      model_after("the last one in is the first one out",
                  [](document& d, const request& r, ms) {
                    if (r.op == operation::enqueue && d.waiters.size() > 1)
                      std::rotate(d.waiters.rbegin(), d.waiters.rbegin() + 1, d.waiters.rend());
                  }),
      model_after("a holder's time runs backwards",
                  [](document& d, const request& r, ms now) {
                    if (r.op != operation::renew) return;
                    for (auto& h : d.holders) {
                      if (h.id == r.id) h.until = now + r.delta;
                    }
                  }),
      model_after("lockd: false is left behind",
                  [](document& d, const request&, ms) {
                    if (d.lockd == lockd_flag::absent) d.lockd = lockd_flag::no;
                  }),
      model_after("a renewal is not counted",
                  [](document& d, const request& r, ms) {
                    if (r.op == operation::renew) --d.rev;
                  }),
      model_request("an amendment is only a heartbeat",
                    [](request& r) {
                      if (r.op == operation::amend) r.op = operation::heartbeat;
                    }),
      model_request("a late copy of an amendment is carried out", [](request& r) { r.seq += 10; }),
      model("a late copy of a resize is carried out",
            [](const state& d, request r, ms now) {
              if (d) r.resized = d->resized;
              return transition(d, r, now);
            }),
      model_request("an amendment keeps the claim",
                    [](request& r) {
                      if (r.op == operation::amend) r.what = {};
                    }),
      model_request("a revocation is a release",
                    [](request& r) {
                      if (r.op == operation::revoke) {
                        r.op = operation::release;
                        r.keep = 0;
                      }
                    }),
      model("a revoked holder is renewed",
            [](state d, const request& r, ms now) {
              if (!d || r.op != operation::renew) return transition(d, r, now);
              std::vector<bool> marks;
              for (auto& h : d->holders) marks.push_back(std::exchange(h.revoked, false));
              auto out = transition(d, r, now);
              for (std::size_t i = 0; i < marks.size(); ++i) out.after->holders[i].revoked = marks[i];
              return out;
            }),
      model("a resize keeps who waits for too much",
            [](state d, const request& r, ms now) {
              if (!d || d->cap == 0 || r.op != operation::resize) return transition(d, r, now);
              d->cap = r.cap;
              auto as = r;
              as.op = operation::heartbeat;
              as.id.clear();
              return transition(d, as, now);
            }),
      model_request("a value is lost on the way", [](request& r) { r.value.clear(); }),
  };
}

}  // namespace dlock::testing
