#include "support/fake_store.hpp"

#include <algorithm>

#include "protocol/express.hpp"

namespace dlock::testing {

using protocol::document;
using protocol::ms;
using protocol::operation;
using protocol::reply;
using protocol::request;

namespace {

bool fits(const fake_store::filter& f, const request& r, lane which) {
  return !f || f(r, which);
}

}  // namespace

answer fake_store::apply(const request& r, lane which) {
  std::unique_lock lock(mutex_);
  calls_.push_back({r, which});
  changed_.notify_all();
  if (gate_ && fits(*gate_, r, which)) {
    const auto generation = generation_;
    ++blocked_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return generation_ != generation; });
    --blocked_;
  }

  answer a;
  const auto f = next_fault(r, which);
  const bool early = protocol::may_be_early(r) && simulator::is_enough(documents_.get(r.lock), r, now_locked());
  if (!f || f->what == fault::kind::lost_answer) a.reply = carry_out(r);
  if (!f) {
    a.what = answer::kind::replied;
    a.early = early;
    return a;
  }
  a.reply = {};
  a.why = f->why;
  a.what = f->what == fault::kind::refused ? answer::kind::refused : answer::kind::no_answer;
  a.code = f->what == fault::kind::refused ? f->code : errc::unavailable;
  a.in_doubt = f->what == fault::kind::lost_request || f->what == fault::kind::lost_answer;
  return a;
}

std::vector<answer> fake_store::apply_all(const protocol::batch& requests, lane which) {
  std::vector<answer> out;
  for (const auto& r : requests) out.push_back(apply(r, which));
  return out;
}

lookup_answer fake_store::read(const protocol::lookup& l) {
  const std::lock_guard lock(mutex_);
  lookup_answer out;
  for (const auto& f : faults_) {
    if (f.on) continue;
    out.why = f.why;
    return out;
  }
  out.what = answer::kind::replied;
  out.seen = documents_.read(l, now_locked());
  return out;
}

std::optional<fake_store::fault> fake_store::next_fault(const request& r, lane which) {
  const auto it = std::find_if(faults_.begin(), faults_.end(), [&](const fault& f) { return fits(f.on, r, which); });
  if (it == faults_.end()) return std::nullopt;
  fault hit = *it;
  if (it->times != fault::always && --it->times <= 0) faults_.erase(it);
  return hit;
}

reply fake_store::carry_out(const request& r) {
  const auto before = documents_.get(r.lock);
  if (!simulator::is_enough(before, r, now_locked())) return carry_out(protocol::in_next_form(r));
  auto result = simulator::carry_out(before, r, now_locked());
  documents_.put(r.lock, std::move(result.after));
  return std::move(result.answer);
}

ms fake_store::now() const {
  const std::lock_guard lock(mutex_);
  return now_locked();
}

void fake_store::advance(ms by) {
  const std::lock_guard lock(mutex_);
  offset_ += by;
}

void fake_store::inject(fault f) {
  const std::lock_guard lock(mutex_);
  faults_.push_back(std::move(f));
}

void fake_store::heal() {
  const std::lock_guard lock(mutex_);
  faults_.clear();
}

void fake_store::block(filter on) {
  const std::lock_guard lock(mutex_);
  gate_ = std::move(on);
}

void fake_store::unblock() {
  const std::lock_guard lock(mutex_);
  gate_.reset();
  ++generation_;
  changed_.notify_all();
}

bool fake_store::wait_for_blocked(std::size_t n, std::chrono::milliseconds limit) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [&] { return blocked_ >= n; });
}

std::optional<document> fake_store::get(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto v = documents_.get(id);
  return v && v->is_lock ? std::optional(v->what) : std::nullopt;
}

void fake_store::put(const std::string& id, std::optional<document> d) {
  const std::lock_guard lock(mutex_);
  documents_.put(id, d ? std::make_shared<const simulator::stored>(simulator::stored{true, *std::move(d)}) : nullptr);
}

void fake_store::put_something_else(const std::string& id) {
  const std::lock_guard lock(mutex_);
  documents_.put(id, std::make_shared<const simulator::stored>(simulator::stored{false, {}}));
}

std::vector<fake_store::call> fake_store::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

std::size_t fake_store::count(operation op) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(calls_.begin(), calls_.end(), [&](const call& c) { return c.request.op == op; }));
}

void fake_store::forget_calls() {
  const std::lock_guard lock(mutex_);
  calls_.clear();
}

}  // namespace dlock::testing
