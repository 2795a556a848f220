#include "user.hpp"

#include <algorithm>

namespace dlock::chaos {
namespace {

constexpr std::int64_t kTimeout = 600'000;  // ms; each call takes just that, by what its caller measured

json described(const claim& c) {
  return {{"lock", c.lock}, {"kind", c.kind}, {"mode", c.exclusive ? "x" : "s"}, {"weight", c.weight}, {"cap", c.cap}};
}

}  // namespace

std::string user::new_id() {
  return "id-" + std::to_string(w_.pick(0, INT64_MAX / 2));
}

void user::begin_round() {
  if (w_.now >= end_) return;
  auto r = std::make_shared<request>();
  r->number = ++me_->calls;
  r->op = w_.chance(15) ? "try" : w_.chance(15) ? "acquire_all" : "acquire";
  std::vector<claim> some = choice_;
  for (std::size_t i = some.size(); i > 1; --i)
    std::swap(some[i - 1], some[static_cast<std::size_t>(w_.pick(0, static_cast<std::int64_t>(i) - 1))]);
  some.resize(r->op == "acquire_all" ? std::min<std::size_t>(2, some.size()) : 1);
  if (some.size() < 2 && r->op == "acquire_all") r->op = "acquire";
  for (auto& c : some) {
    if (c.kind == "shared" && w_.chance(60)) c.exclusive = false, c.weight = 1;
    if (c.kind == "semaphore") c.weight = w_.pick(1, c.cap);
  }
  std::sort(some.begin(), some.end(), [](auto& x, auto& y) { return x.lock < y.lock; });
  r->claims = some;
  write_call(*r);
  w_.ask(me_, [=, self = shared_from_this()] { self->next_lock(r); });
}

void user::write_call(const request& r) {
  json fields{{"c", r.number}, {"op", r.op}};
  if (r.op == "acquire_all") {
    for (const auto& c : r.claims) fields["locks"].push_back(described(c));
  } else {
    fields.update(described(r.claims.front()));
  }
  fields["ttl"] = ttl / ns_per_ms;
  fields["timeout"] = kTimeout;
  w_.write(me_->name, "call", fields);
}

void user::answer(const shared_request& r, json fields) {
  if (r->over) return;
  r->over = true;
  json all{{"c", r->number}, {"took", kTimeout}, {"starved", 0}};
  all.update(fields);
  w_.write(me_->name, "return", all);
  if (fields["what"] != "acquired")
    w_.by(me_, w_.now + w_.pick(0, 10) * ns_per_ms, [self = shared_from_this()] { self->begin_round(); });
}

void user::next_lock(const shared_request& r) {
  const auto self = shared_from_this();
  const auto id = new_id();
  entry e{id, r->claims.front(), 0, ttl, me_->name, {}, {}};
  e.granted = [=](std::int64_t token) { self->w_.tell(self->me_, [=] { self->granted(r, id, token); }); };
  e.again = [=] {
    self->w_.by(self->me_, self->w_.now + self->w_.pick(0, wait_period), [=] {
      if (!r->over) self->w_.ask(self->me_, [=] { self->next_lock(r); });
    });
  };
  // Nobody renews the first of several while the second is waited for, in this world: its lease is long.
  if (r->op == "acquire_all") e.ttl = 100 * ns_per_s;
  if (r->op == "try") {
    std::int64_t token = 0;
    if (w_.locks.attempt(w_.now, e, token)) {
      e.granted(token);
    } else {
      w_.tell(me_, [=] { self->answer(r, {{"what", "busy"}}); });
    }
    return;
  }
  w_.locks.enqueue(w_.now, e);
  if (!w_.locks.queued(e.what.lock, id)) return;
  w_.tell(me_, [=] {
    if (r->over || r->queued) return;
    r->queued = true;
    self->w_.write(self->me_->name, "queued", {{"c", r->number}});
  });
  if (r->op == "acquire" && w_.chance(15)) {
    w_.by(me_, w_.now + w_.pick(1, 400) * ns_per_ms, [=] { self->ask_to_give_up(r, id); });
  }
}

void user::ask_to_give_up(const shared_request& r, const std::string& id) {
  const auto self = shared_from_this();
  w_.ask(me_, [=] {
    if (!self->w_.locks.cancel(self->w_.now, r->claims.front().lock, id)) return;  // granted, or come again
    self->w_.tell(self->me_, [=] { self->answer(r, {{"what", "timed_out"}}); });
  });
}

void user::granted(const shared_request& r, const std::string& id, std::int64_t token) {
  const auto self = shared_from_this();
  const auto what = r->claims.front();
  const ns asked = w_.now;
  // An heir that was told late asks first.
  w_.ask(me_, [=] {
    auto& w = self->w_;
    const ns until = w.now + (r->op == "acquire_all" ? 100 * ns_per_s : ttl);
    if (!w.locks.renew(w.now, what.lock, id, until)) {
      if (r->op == "try") return self->w_.tell(self->me_, [=] { self->answer(r, {{"what", "busy"}}); });
      return self->next_lock(r);
    }
    w.tell(self->me_, [=] {
      r->got->push_back({what, id, token, asked + ttl - margin});
      r->claims.erase(r->claims.begin());
      if (!r->claims.empty()) return self->w_.ask(self->me_, [=] { self->next_lock(r); });
      self->acquired(r);
    });
  });
}

void user::acquired(const shared_request& r) {
  json fields{{"what", "acquired"}};
  const auto described = [&](const held& h) {
    return json{{"lock", h.what.lock}, {"id", h.id}, {"token", h.token}, {"until", h.until}};
  };
  if (r->op == "acquire_all") {
    ns earliest = never;
    for (const auto& h : *r->got) earliest = std::min(earliest, h.until);
    for (auto& h : *r->got) h.until = earliest;
    for (const auto& h : *r->got) fields["got"].push_back(described(h));
  } else {
    fields.update(described(r->got->front()));
  }
  answer(r, fields);
  const auto all = r->got;
  keep(all);
  watch(all);
  const auto self = shared_from_this();
  w_.by(me_, w_.now + w_.hop(), [=] { self->enter(all); });
}

void user::keep(const shared_held& all) {
  const auto self = shared_from_this();
  w_.by(me_, w_.now + ttl / 3, [=] {
    if (self->over(all)) return;
    const ns asked = self->w_.now;
    const auto renewed = [=] {
      auto& w = self->w_;
      bool all_there = true;
      for (const auto& h : *all) all_there = all_there && w.locks.renew(w.now, h.what.lock, h.id, w.now + ttl);
      w.tell(self->me_, [=] {
        if (self->over(all)) return;
        if (!all_there) return self->lose(all);
        for (auto& h : *all) {
          h.until = std::max(h.until, asked + ttl - margin);
          self->w_.write(self->me_->name, "held", {{"id", h.id}, {"until", h.until}});
        }
      });
    };
    self->w_.ask(self->me_, renewed);
    self->keep(all);
  });
}

void user::watch(const shared_held& all) {
  const auto self = shared_from_this();
  w_.by(me_, all->front().until, [=] {
    if (!self->over(all)) self->watch(all);
  });
}

bool user::over(const shared_held& all) {
  if (all->front().over) return true;
  if (w_.now < all->front().until) return false;
  lose(all);
  return true;
}

void user::lose(const shared_held& all) {
  for (auto& h : *all) {
    h.over = true;
    w_.write(me_->name, "lost", {{"id", h.id}, {"why", "over"}});
  }
}

void user::enter(const shared_held& all) {
  if (over(all)) return release(all);
  for (auto& h : *all) {
    json fields{{"lock", h.what.lock}, {"token", h.token}, {"id", h.id}, {"from", me_->name}};
    auto& at = w_.resource[h.what.lock];
    if (h.what.kind == "semaphore") {
      fields["weight"] = h.what.weight;
      w_.write("resource", "enter", fields);
    } else if (h.what.exclusive) {
      at.see(h.token, true);
      h.read = at.n;
      fields.update({{"n", at.n}, {"mode", "x"}});
      w_.write("resource", "get", fields);
    } else {
      fields.update({{"mode", "s"}, {"ok", at.see(h.token, false)}});
      w_.write("resource", "see", fields);
    }
  }
  const auto self = shared_from_this();
  const bool stale = w_.chance(50);  // is past its last look
  if (w_.chance(5)) fork(all);
  const auto hold = w_.chance(15) ? w_.pick(500, 4000) : w_.pick(1, 120);
  w_.by(me_, w_.now + hold * ns_per_ms, [=] { self->leave(all, stale); });
}

void user::leave(const shared_held& all, bool may_write) {
  const auto self = shared_from_this();
  may_write = may_write || !over(all);
  for (auto& h : *all) {
    json fields{{"lock", h.what.lock}, {"token", h.token}, {"id", h.id}, {"from", me_->name}};
    auto& at = w_.resource[h.what.lock];
    if (h.what.kind == "semaphore") {
      fields["weight"] = h.what.weight;
      w_.write("resource", "leave", fields);
    } else if (h.what.exclusive && may_write) {
      const bool ok = at.see(h.token, true);
      if (ok) at.n = h.read + 1;
      fields.update({{"n", h.read + 1}, {"mode", "x"}, {"ok", ok}});
      w_.write("resource", "put", fields);
    } else if (may_write) {
      fields.update({{"mode", "s"}, {"ok", at.see(h.token, false)}});
      w_.write("resource", "see", fields);
    }
  }
  if (!over(all) && all->size() == 1 && all->front().what.kind == "shared" && all->front().what.exclusive &&
      w_.chance(25))
    return downgrade(all);
  release(all);
}

void user::fork(const shared_held& all) {
  if (all->size() != 1 || over(all)) return;
  const auto id = all->front().id;
  w_.write(me_->name, "forked", {{"id", id}});
  w_.write(me_->name, "child", {{"id", id}, {"held", false}, {"release", "forked"}});
}

void user::downgrade(const shared_held& all) {
  const auto self = shared_from_this();
  auto& h = all->front();
  const int number = ++me_->calls;
  h.what.exclusive = false;
  h.what.weight = 1;
  json fields{{"c", number}, {"op", "downgrade"}, {"id", h.id}};
  fields.update(described(h.what));
  w_.write(me_->name, "call", fields);
  w_.ask(me_, [=] {
    const bool done = self->w_.locks.downgrade(self->w_.now, all->front().what.lock, all->front().id);
    self->w_.tell(self->me_, [=] {
      self->w_.write(self->me_->name, "return", {{"c", number}, {"what", done ? "downgraded" : "lost"}});
      if (!done && !self->over(all)) self->lose(all);
      if (self->over(all)) return self->release(all);
      self->enter(all);
    });
  });
}

void user::release(const shared_held& all) {
  const auto self = shared_from_this();
  const int number = ++me_->calls;
  const bool was_lost = over(all);
  json fields{{"c", number}, {"op", "release"}};
  if (all->size() == 1) {
    fields.update({{"lock", all->front().what.lock}, {"kind", all->front().what.kind}, {"id", all->front().id}});
  } else {
    for (const auto& h : *all) fields["ids"].push_back(h.id);
  }
  w_.write(me_->name, "call", fields);
  for (auto& h : *all) h.over = true;
  w_.ask(me_, [=] {
    bool there = true;
    for (const auto& h : *all) there = self->w_.locks.release(self->w_.now, h.what.lock, h.id) && there;
    self->w_.tell(self->me_, [=] {
      self->w_.write(self->me_->name, "return",
                     {{"c", number},
                      {"what", was_lost ? "lost"
                               : there  ? "released"
                                        : "not_held"}});
      self->w_.by(self->me_, self->w_.now + self->w_.pick(0, 10) * ns_per_ms, [=] { self->begin_round(); });
    });
  });
}

}  // namespace dlock::chaos
