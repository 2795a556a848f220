#include "simulator/agenda.hpp"

#include <algorithm>
#include <utility>

namespace dlock::simulator {

void agenda::at(tick when, std::function<void()> what) {
  heap_.push_back({std::max(when, now_), entered_++, std::move(what)});
  std::push_heap(heap_.begin(), heap_.end(), later);
}

void agenda::run_until(tick end) {
  while (!heap_.empty() && heap_.front().when <= end) {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const event next = std::move(heap_.back());
    heap_.pop_back();
    now_ = next.when;
    next.what();
  }
  now_ = std::max(now_, end);
}

}  // namespace dlock::simulator
