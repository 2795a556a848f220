#include "participant.hpp"

#include <utility>

#include "clock.hpp"

namespace chaos {
namespace {

json described(const wish& what) {
  return {{"lock", what.lock->id},
          {"kind", name_of(what.lock->what)},
          {"mode", what.mode()},
          {"weight", what.weight},
          {"cap", what.lock->cap}};
}

/// What a leader publishes begins so: to the server it would be a variable, if it were an expression.
constexpr auto kValue = "$$";

json described(const held_lock& one) {
  return {{"id", one.id}, {"token", one.token}};
}

}  // namespace

participant::participant(dlock::client& locks, const std::vector<lock_spec>& all, history& into, int local_turns,
                         int linger)
    : locks_(locks), into_(into) {
  const auto with = [&](const std::string& id) {
    return dlock::lock_options{.id = id, .local_turns = local_turns, .linger = std::chrono::milliseconds{linger}};
  };
  for (const auto& lock : all) {
    switch (lock.what) {
      case kind::mutex:
        objects_.emplace(lock.id, dlock::mutex(locks, with(lock.id)));
        break;
      case kind::shared:
        objects_.emplace(lock.id, dlock::shared_mutex(locks, with(lock.id)));
        break;
      case kind::semaphore:
        objects_.emplace(lock.id, dlock::semaphore(locks, lock.id, lock.cap));
        break;
      case kind::election:
        objects_.emplace(lock.id, dlock::election(locks, lock.id));
        break;
    }
  }
}

json participant::timing(const patience& how) const {
  json out{{"ttl", locks_.options().exp_delta.count()}};
  if (how.timeout && !how.try_once) out["timeout"] = how.timeout->count();
  return out;
}

dlock::acquisition participant::ask(const wish& what, const patience& how, recorded_call& call) {
  dlock::wait_options options;
  options.timeout = how.try_once ? std::chrono::milliseconds{0} : how.timeout;
  options.stop = how.stop;
  options.on_wait = [&](const auto&) { call.queued(); };
  auto& mine = objects_.at(what.lock->id);
  if (auto* lock = std::get_if<dlock::mutex>(&mine)) return how.try_once ? lock->try_acquire() : lock->acquire(options);
  if (auto* lock = std::get_if<dlock::election>(&mine)) return lock->campaign(kValue + into_.process(), options);
  if (auto* lock = std::get_if<dlock::semaphore>(&mine)) {
    return how.try_once ? lock->try_acquire(what.weight) : lock->acquire(what.weight, options);
  }
  auto& lock = std::get<dlock::shared_mutex>(mine);
  if (what.exclusive) return how.try_once ? lock.try_acquire() : lock.acquire(options);
  return how.try_once ? lock.try_acquire_shared() : lock.acquire_shared(options);
}

std::unique_ptr<holding> participant::acquire(const wish& what, const patience& how) {
  json fields{{"op", how.try_once ? "try" : "acquire"}};
  fields.update(described(what));
  fields.update(timing(how));
  recorded_call call(into_, fields);
  try {
    auto got = ask(what, how, call);
    if (!got) {
      call.returned(dlock::to_string(got.result()));
      return nullptr;
    }
    std::vector<held_lock> one{{what, got->owner(), got->token()}};
    const auto until = on_history_clock(got->valid_until());
    json more = described(one.front());
    more["until"] = until;
    call.returned("acquired", more);
    return std::make_unique<holding>(into_, std::move(one), std::move(*got), until);
  } catch (const std::exception& e) {
    call.failed(e);
    return nullptr;
  }
}

dlock::claim participant::claim_of(const wish& what) {
  auto& mine = objects_.at(what.lock->id);
  if (auto* lock = std::get_if<dlock::mutex>(&mine)) return *lock;
  if (auto* lock = std::get_if<dlock::semaphore>(&mine)) return lock->take(what.weight);
  auto& lock = std::get<dlock::shared_mutex>(mine);
  return what.exclusive ? lock.exclusive() : lock.shared();
}

std::unique_ptr<holding> participant::acquire_all(const std::vector<wish>& what, const patience& how) {
  json fields{{"op", "acquire_all"}, {"locks", json::array()}};
  for (const auto& each : what) fields["locks"].push_back(described(each));
  fields.update(timing(how));
  recorded_call call(into_, fields);
  try {
    std::vector<dlock::claim> claims;
    for (const auto& each : what) claims.push_back(claim_of(each));
    dlock::wait_options options;
    options.timeout = how.timeout;
    options.stop = how.stop;
    options.on_wait = [&](const auto&) { call.queued(); };
    auto got = dlock::acquire_all(claims, options);
    if (!got) {
      call.returned(dlock::to_string(got.result()), {{"lock", got.id()}});
      return nullptr;
    }
    const auto until = on_history_clock(got->valid_until());
    std::vector<held_lock> all;
    json list = json::array();
    for (const auto& each : what) {
      all.push_back({each, got->owner(each.lock->id), got->token(each.lock->id)});
      json one{{"lock", each.lock->id}};
      one.update(described(all.back()));
      one["until"] = until;  // the earliest of all: together they are held until then
      list.push_back(one);
    }
    call.returned("acquired", {{"got", list}});
    return std::make_unique<holding>(into_, std::move(all), std::move(*got), until);
  } catch (const std::exception& e) {
    call.failed(e);
    return nullptr;
  }
}

bool participant::downgrade(holding& what) {
  auto& lock = what.locks().front();
  wish less = lock.what;
  less.exclusive = false;
  less.weight = 1;
  json fields{{"op", "downgrade"}};
  fields.update(described(less));
  fields["id"] = lock.id;
  recorded_call call(into_, fields);
  try {
    const auto done = std::get<dlock::shared_mutex>(objects_.at(less.lock->id)).downgrade();
    call.returned(dlock::to_string(done));
    what.becomes(less);
    return done == dlock::downgrade_result::downgraded;
  } catch (const std::exception& e) {
    call.failed(e);
    what.becomes(less);  // in one of the two modes: it acts as if in the lesser
    return what.held();
  }
}

void participant::proclaim(const holding& what, int number) {
  const auto& lead = what.locks().front();
  json fields{{"op", "proclaim"}};
  fields.update(described(lead.what));
  fields.update({{"id", lead.id}, {"number", number}});
  recorded_call call(into_, fields);
  try {
    const auto value = kValue + into_.process() + "#" + std::to_string(number);
    const bool done = std::get<dlock::election>(objects_.at(lead.what.lock->id)).proclaim(value);
    call.returned(done ? "proclaimed" : "not_held");
  } catch (const std::exception& e) {
    call.failed(e);
  }
}

}  // namespace chaos
