// Renewals: which holds of a lock ask the server now, in one command.
#include "engine/client.hpp"

namespace dlock::engine {

/// Those that are due come first, so that an early one never takes the place of one that is due.
std::optional<client::outgoing> client::next_renewal(ms now) {
  look(now);
  while (const auto lock = renewals_.take()) {
    outgoing out{.ticket = ++last_, .all = {}};
    command sent;
    const auto fits = [&](const lease& l) {
      if (out.all.empty()) return true;
      return out.all.size() < protocol::most_renewals && !l.machine.peeks() &&
             out.all.front().op == protocol::operation::renew && protocol::renewed_together(out.all.front(), l.ask);
    };
    const auto add = [&](hold_id h, lease& l) {
      protocol::request r = l.ask;
      r.op = l.machine.send();
      r.how = known_.form_of(r);
      r.floor = std::max(r.floor, known_.floor_of(r.lock));
      sent.all.push_back(++last_);
      requests_.emplace(last_, on_its_way{r, {purpose::kind::renewal, h}, now});
      l.renewal = last_;
      out.all.push_back(std::move(r));
    };
    const auto all = renewals_.of(*lock);
    for (const auto h : all) {
      auto& l = holds_.at(h);
      if (!l.machine.waits_to_be_sent()) continue;
      if (fits(l)) {
        add(h, l);
      } else {
        renewals_.due(*lock);
      }
    }
    if (out.all.empty()) continue;
    for (const auto h : all) {
      auto& l = holds_.at(h);
      if (fits(l) && l.machine.join(now)) add(h, l);
    }
    if (sent.all.size() > 1) in_full(out, sent.all);
    sent_.emplace(out.ticket, std::move(sent));
    return out;
  }
  return std::nullopt;
}

void client::cannot_renew(ms now) {
  while (const auto out = next_renewal(now)) {
    const auto found = sent_.extract(out->ticket);
    for (const auto n : found.mapped().all) {
      const auto h = requests_.extract(n).mapped().who.of;
      auto& l = holds_.at(h);
      l.renewal = 0;
      l.machine.not_sent(now);
      arm(h, l);
    }
  }
}

}  // namespace dlock::engine
