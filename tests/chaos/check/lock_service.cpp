#include "lock_service.hpp"

#include <algorithm>
#include <utility>

namespace dlock::chaos {
namespace {

auto with_id(const std::string& id) {
  return [&id](const entry& e) { return e.id == id; };
}

}  // namespace

bool service::fits(const row& l, const claim& what) {
  if (what.exclusive) return l.holders.empty();
  std::int64_t taken = what.weight;
  for (const auto& h : l.holders) {
    if (h.what.exclusive) return false;
    taken += h.what.weight;
  }
  return what.cap == 0 || taken <= what.cap;
}

std::int64_t service::next_token(ns now, row& l) const {
  return l.fence = std::max(l.fence + 1000, now / ns_per_ms * 1000);
}

void service::admit(ns now, const std::string& name) {
  auto& l = locks_[name];
  while (!l.queue.empty() && fits(l, l.queue.front().what)) {
    auto e = l.queue.front();
    l.queue.pop_front();
    e.until = now + e.ttl;
    const auto token = next_token(now, l);
    const auto granted = std::move(e.granted);
    l.holders.push_back(std::move(e));
    look_again(name, l.holders.back().until + skew);
    granted(token);
  }
}

void service::enqueue(ns now, entry e) {
  const auto name = e.what.lock;
  purge(now, name);
  locks_[name].queue.push_back(std::move(e));
  admit(now, name);
}

bool service::attempt(ns now, entry e, std::int64_t& token) {
  const auto name = e.what.lock;
  purge(now, name);
  auto& l = locks_[name];
  if (!l.queue.empty() || !fits(l, e.what)) return false;
  token = next_token(now, l);
  e.until = now + e.ttl;
  l.holders.push_back(std::move(e));
  look_again(name, l.holders.back().until + skew);
  return true;
}

bool service::queued(const std::string& name, const std::string& id) {
  const auto& q = locks_[name].queue;
  return std::any_of(q.begin(), q.end(), with_id(id));
}

bool service::cancel(ns now, const std::string& name, const std::string& id) {
  const bool was = std::erase_if(locks_[name].queue, with_id(id)) > 0;
  admit(now, name);
  return was;
}

bool service::renew(ns now, const std::string& name, const std::string& id, ns until) {
  purge(now, name);
  auto& l = locks_[name];
  const auto mine = std::find_if(l.holders.begin(), l.holders.end(), with_id(id));
  if (mine == l.holders.end()) return false;
  mine->until = std::max(mine->until, until);
  look_again(name, mine->until + skew);
  return true;
}

bool service::release(ns now, const std::string& name, const std::string& id) {
  purge(now, name);
  const bool was = std::erase_if(locks_[name].holders, with_id(id)) > 0;
  admit(now, name);
  return was;
}

bool service::downgrade(ns now, const std::string& name, const std::string& id) {
  purge(now, name);
  auto& l = locks_[name];
  const auto mine = std::find_if(l.holders.begin(), l.holders.end(), with_id(id));
  if (mine == l.holders.end()) return false;
  mine->what.exclusive = false;
  mine->what.weight = 1;
  admit(now, name);
  return true;
}

void service::purge(ns now, const std::string& name) {
  if (std::erase_if(locks_[name].holders, [&](auto& h) { return h.until + skew <= now; }) > 0) admit(now, name);
}

void service::remove(const std::string& name) {
  auto& l = locks_[name];
  l.holders.clear();
  for (const auto& w : std::exchange(l.queue, {})) w.again();
}

void service::client_died(ns now, const std::string& client, ns ttl) {
  for (auto& [name, l] : locks_) {
    for (auto& h : l.holders) {
      if (h.client == client) h.until = std::min(h.until, now + ttl);
    }
    for (auto& w : l.queue) {
      if (w.client == client) w.ttl = ttl;
    }
    look_again(name, now + ttl + skew);
  }
}

void service::end_all_leases(ns now) {
  for (auto& [name, l] : locks_) {
    l.holders.clear();
    admit(now, name);
  }
}

}  // namespace dlock::chaos
