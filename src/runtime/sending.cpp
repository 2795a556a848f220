// The threads of the monitor that send requests and lookups, and feed in the answers.
#include <algorithm>

#include "runtime/monitor.hpp"
#include "util/test_point.hpp"

namespace dlock::detail {
namespace {

using protocol::ms;

/// Whether the answers grant something to this client.
[[maybe_unused]] bool names_heir_of(const std::string& client, const std::vector<answer>& answers) {
  return std::any_of(answers.begin(), answers.end(), [&](const answer& a) {
    const auto& heirs = a.reply.heirs;
    return std::any_of(heirs.begin(), heirs.end(), [&](const auto& h) { return h.client == client; });
  });
}

}  // namespace

std::vector<answer> monitor::apply(const protocol::batch& all, lane which) const {
  if (all.size() > 1) return where_->apply_all(all, which);
  return {where_->apply(all.front(), which)};
}

/// Sends the requests that are due, one command after the other.
void monitor::send() {
  std::optional<engine::client::outgoing> next;
  std::int64_t sent = 0;
  const auto take = [&](auto& e, ms now) {
    next = e.next_request(now);
    sent = now_us_;
  };
  const auto count = [&](std::size_t what, const answer& a) {
    counts_.command(what, std::chrono::microseconds{now_us_ - sent}, a);
  };
  step([&](auto& e, ms now) {
    --senders_;
    take(e, now);
  });
  while (next) {
    const auto ticket = next->ticket;
    if (next->lookup) {
      auto a = where_->read(*next->lookup);
      next.reset();
      step([&](auto& e, ms now) {
        count(meters::reads, a);
        e.answered(ticket, std::move(a), now);
        take(e, now);
      });
      continue;
    }
    const auto what = next->all.front().op;
    auto answers = apply(next->all, lane::normal);
    if (what == protocol::operation::release && answers.front().what == answer::kind::replied) test_point("committed");
    if (names_heir_of(id_, answers)) test_point("heir");
    next.reset();
    step([&](auto& e, ms now) {
      count(static_cast<std::size_t>(what), answers.front());
      e.answered(ticket, std::move(answers), now);
      take(e, now);
    });
  }
}

void monitor::renew() {
  std::optional<engine::client::outgoing> next;
  std::int64_t sent = 0;
  const auto take = [&](auto& e, ms now) {
    next = e.next_renewal(now);
    sent = now_us_;
  };
  step([&](auto& e, ms now) {
    --renewing_;
    take(e, now);
  });
  while (next) {
    const auto ticket = next->ticket;
    const auto what = static_cast<std::size_t>(next->all.front().op);
    auto answers = apply(next->all, lane::renewal);
    next.reset();
    step([&](auto& e, ms now) {
      counts_.command(what, std::chrono::microseconds{now_us_ - sent}, answers.front());
      e.answered(ticket, std::move(answers), now);
      take(e, now);
    });
  }
}

}  // namespace dlock::detail
