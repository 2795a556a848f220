#include <dlock/events.hpp>

#include "runtime/subscribers.hpp"

namespace dlock {

const char* to_string(lock_event::kind value) noexcept {
  switch (value) {
    case lock_event::kind::locked:
      return "locked";
    case lock_event::kind::unlocked:
      return "unlocked";
    case lock_event::kind::gap:
      return "gap";
  }
  return "unknown";
}

subscription::subscription() noexcept = default;
subscription::subscription(subscription&&) noexcept = default;
subscription::subscription(std::shared_ptr<detail::subscriber> s) noexcept : subscriber_(std::move(s)) {}

subscription& subscription::operator=(subscription&& other) noexcept {
  if (this != &other) {
    end();
    subscriber_ = std::move(other.subscriber_);
  }
  return *this;
}

subscription::~subscription() {
  end();
}

bool subscription::wait_until_open(std::chrono::milliseconds timeout) const {
  return subscriber_ && !subscriber_->forked() && subscriber_->wait_until_open(timeout);
}

void subscription::end() noexcept {
  if (subscriber_) subscriber_->end(std::chrono::seconds{1});
}

}  // namespace dlock
