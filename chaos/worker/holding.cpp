#include "holding.hpp"

#include <algorithm>
#include <thread>

#include "clock.hpp"

namespace chaos {
namespace {

using namespace std::chrono_literals;

const char* name_of(dlock::release_result what) {
  switch (what) {
    case dlock::release_result::released:
      return "released";
    case dlock::release_result::not_held:
      return "not_held";
    case dlock::release_result::lost:
      return "lost";
  }
  return "?";
}

}  // namespace

void holding::notice::lose(history& into, const std::string& why) {
  if (lost.exchange(true)) return;
  for (const auto& id : ids) into.write("lost", {{"id", id}, {"why", why}});
}

holding::holding(history& into, std::vector<held_lock> what, grip lease, std::int64_t until)
    : into_(into),
      locks_(std::move(what)),
      notice_(std::make_shared<notice>()),
      until_(until),
      lease_(std::move(lease)) {
  for (const auto& each : locks_) notice_->ids.push_back(each.id);
  std::visit([&](auto& l) { l.on_lost([n = notice_, &into] { n->lose(into, "on_lost"); }); }, lease_);
}

bool holding::held() const {
  return std::visit([](const auto& l) { return l.held(); }, lease_);
}

bool holding::look() {
  const auto until = std::visit([](const auto& l) { return on_history_clock(l.valid_until()); }, lease_);
  if (until != until_ && !notice_->lost) {
    for (const auto& each : locks_) into_.write("held", {{"id", each.id}, {"until", until}});
    until_ = until;
  }
  if (held()) return true;
  notice_->lose(into_, "held() is false: " + std::visit([](const auto& l) { return l.loss(); }, lease_));
  return false;
}

void holding::keep_for(std::chrono::milliseconds time, bool stale) {
  constexpr auto kStep = 3ms;
  const auto end = std::chrono::steady_clock::now() + time;
  for (auto now = std::chrono::steady_clock::now(); now < end; now = std::chrono::steady_clock::now()) {
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(kStep, end - now));
    if (!look() && !stale) return;
  }
}

void holding::release() {
  json fields{{"op", "release"}};
  if (std::holds_alternative<dlock::lease>(lease_)) {
    const auto& one = locks_.front();
    fields.update({{"lock", one.what.lock->id}, {"kind", chaos::name_of(one.what.lock->what)}, {"id", one.id}});
  } else {
    fields["ids"] = json::array();
    for (const auto& each : locks_) fields["ids"].push_back(each.id);
  }
  recorded_call call(into_, fields);
  try {
    call.returned(name_of(std::visit([](auto& l) { return l.release(); }, lease_)));
  } catch (const std::exception& e) {
    call.failed(e);
  }
}

json holding::as_a_child() {
  json out{{"id", locks_.front().id}, {"held", held()}};
  try {
    out["release"] = name_of(std::visit([](auto& l) { return l.release(); }, lease_));
  } catch (const dlock::error& e) {
    out["release"] = dlock::to_string(e.code());
  }
  lease_ = dlock::lease();
  return out;
}

}  // namespace chaos
