#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

namespace dlock::simulator {

/// A capped collection: entries are read in the order of insertion, from a given place on, until they are dropped.
template <typename T>
class capped {
 public:
  using number = std::int64_t;  // of an entry. 0 is before the first
  struct entry {
    number at;
    T what;
  };

  number insert(T what) {
    all_.push_back({++last_, std::move(what)});
    return last_;
  }
  /// The first entry after that place, or null. Valid until the next change.
  [[nodiscard]] const entry* after(number place) const {
    if (all_.empty() || all_.back().at <= place) return nullptr;
    const auto first = all_.front().at;
    return place < first ? &all_.front() : &all_[static_cast<std::size_t>(place + 1 - first)];
  }
  [[nodiscard]] bool has(number at) const { return !all_.empty() && at >= all_.front().at && at <= last_; }
  /// The number of the last entry. 0 if there is none.
  [[nodiscard]] number end() const { return all_.empty() ? 0 : last_; }
  /// Drops the oldest entries and keeps this many.
  void keep(std::size_t newest) {
    while (all_.size() > newest) all_.pop_front();
  }

 private:
  std::deque<entry> all_;
  number last_ = 0;
};

}  // namespace dlock::simulator
