#include "section.hpp"

namespace chaos {
namespace {

credentials of(const held_lock& one) {
  return {one.what.lock->id, one.token, one.id};
}

}  // namespace

void section::begin() {
  for (const auto& one : what_.locks()) {
    std::int64_t n = 0;
    if (one.what.lock->what == kind::semaphore) {
      resource_.enter(of(one), one.what.weight);
    } else if (one.what.exclusive) {
      n = resource_.get(of(one));
    } else {
      resource_.see(of(one));
    }
    read_.push_back(n);
  }
}

void section::end(bool write) {
  for (std::size_t i = 0; i < read_.size(); ++i) {
    const auto& one = what_.locks()[i];
    if (one.what.lock->what == kind::semaphore) {
      resource_.leave(of(one), one.what.weight);  // whether it is held or not: it goes
    } else if (write && one.what.exclusive) {
      resource_.put(of(one), read_[i] + 1);
    } else if (write) {
      resource_.see(of(one));
    }
  }
}

}  // namespace chaos
