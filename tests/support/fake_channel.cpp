#include "support/fake_channel.hpp"

#include "protocol/read.hpp"

namespace dlock::testing {
namespace {

bson place_of(std::int64_t number) {
  auto b = make_bson();
  append(b.get(), "_id", number);
  return b;
}

}  // namespace

answer fake_channel::insert(const feed& where, const std::vector<bson>& documents) {
  answer a;
  const std::lock_guard lock(guard_);
  if (!failing_.empty()) {
    a.why = failing_;
    return a;
  }
  a.what = answer::kind::replied;
  inserted_[where.coll] += documents.size();
  for (const auto& d : documents) collections_[where.coll].insert(bson{bson_copy(d.get())});
  changed_.notify_all();
  return a;
}

answer fake_channel::follow(const feed& what, place& from, const callbacks& to, std::stop_token stop) {
  answer a;
  std::unique_lock lock(guard_);
  if (!failing_.empty()) {
    ++refusals_;
    a.why = failing_;
    return a;
  }
  auto& all = collections_[what.coll];
  std::int64_t seen = 0;
  bool gap = false;
  if (what.to.empty()) {
    if (from.last) {
      seen = protocol::read_number(from.last.get(), "_id");
      gap = !all.has(seen);
    }
    if (!from.last || gap) {
      if (all.end() == 0) all.insert(make_bson());
      seen = all.end();
      from.last = place_of(seen);
    }
  }
  const int generation = generation_;
  lock.unlock();
  if (gap) to.gap();
  to.opened();
  lock.lock();
  while (!stop.stop_requested()) {
    if (generation != generation_) {
      a.why = failing_.empty() ? "thrown out" : failing_;
      return a;
    }
    bson next;
    for (const auto* e = all.after(seen); e != nullptr && !next; e = all.after(seen)) {
      seen = e->at;
      if (!what.to.empty() && protocol::read_string(e->what.get(), "to") != what.to) continue;
      next.reset(bson_copy(e->what.get()));
    }
    if (next) {
      from.last = place_of(seen);
      lock.unlock();
      to.heard(next.get());
      lock.lock();
      continue;
    }
    changed_.wait_for(lock, stop, std::chrono::milliseconds{50}, [] { return false; });
  }
  a.what = answer::kind::replied;
  return a;
}

void fake_channel::interrupt(const place&) {
  const std::lock_guard lock(guard_);
  changed_.notify_all();
}

void fake_channel::fail(const std::string& why) {
  const std::lock_guard lock(guard_);
  failing_ = why;
  ++generation_;
  changed_.notify_all();
}

void fake_channel::heal() {
  const std::lock_guard lock(guard_);
  failing_.clear();
}

void fake_channel::drop(const std::string& coll) {
  const std::lock_guard lock(guard_);
  collections_[coll].keep(0);
  ++generation_;
  changed_.notify_all();
}

std::size_t fake_channel::refusals() const {
  const std::lock_guard lock(guard_);
  return refusals_;
}

std::size_t fake_channel::count(const std::string& text) const {
  const std::lock_guard lock(guard_);
  std::size_t n = 0;
  for (const auto& [name, count] : inserted_) n += name.find(text) != std::string::npos ? count : 0;
  return n;
}

}  // namespace dlock::testing
