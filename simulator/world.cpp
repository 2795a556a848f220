#include "simulator/world.hpp"

#include "protocol/express.hpp"
#include "reference/names.hpp"

namespace dlock::simulator {

using protocol::operation;

world::world(std::uint64_t seed, trace::mode how)
    : luck(seed),
      notes(how),
      set(events, luck, notes),
      net(events, luck, set, seen),
      notices(events, luck, seen),
      judge(events, seen) {
  set.on_change = [this](const replica_set::change& c) {
    notes.tell(events.now(), std::string(1, static_cast<char>('A' + c.at)), [&] {
      std::string out;
      for (const auto& r : c.requests) {
        out += std::string(out.empty() ? "" : ", together with ") + name_of(r.op) + " " + r.lock + " of " + r.id;
      }
      return out;
    });
    if (c.requests.size() == 1) {
      const auto form = protocol::form_of(c.requests.front());
      seen.brief += form == protocol::form::brief;
      seen.express += form == protocol::form::express;
    }
    judge.changed(c);
  };
  set.on_commit = [this](const std::string& lock, const version& v) { judge.committed(lock, v); };
  set.on_rollback = [this](const protocol::request& r) { seen.hit(fault::rolled_back, net.doing(r)); };
  net.doing = [this](const protocol::request& r) { return doing(r); };
}

world::~world() {
  for (const auto& p : processes) p->clear();
}

std::shared_ptr<process> world::start_process(const std::string& name) {
  const tick ahead = luck.between(0, 1'000'000'000);
  const auto gains = clock_rates == 0 ? 0 : luck.between(-clock_rates, clock_rates);
  processes.push_back(std::make_shared<process>(*this, name, ahead, gains));
  notes.tell(events.now(), name, [] { return std::string("starts"); });
  return processes.back();
}

state world::doing(const protocol::request& r) const {
  for (const auto& p : processes) {
    if (p->name() == r.client) return p->doing(r);
  }
  return state::reading;
}

std::string in_words(const protocol::request& r) {
  std::string out = std::string(name_of(r.op)) + " " + r.lock + " (" + r.id + ")";
  if (r.op == operation::cancel && r.tomb > 0) out += " with a tombstone";
  for (const auto& e : r.expire) out += ", " + e.id + " is over";
  return out;
}

std::string in_words(const protocol::request& r, const answer& a) {
  std::string out = std::string(name_of(r.op)) + " (" + r.id + "): ";
  if (a.what == answer::kind::no_answer) return out + "no answer, " + a.why + (a.in_doubt ? ", in doubt" : "");
  if (a.what == answer::kind::refused) return out + "refused, " + a.why;
  if (!a.reply.found) return out + "not found";
  if (!a.reply.valid) return out + "this is no such lock";
  if (a.reply.mine) {
    out += "holds it, token " + std::to_string(a.reply.mine->fence);
  } else if (a.reply.place >= 0) {
    out += "place " + std::to_string(a.reply.place) + " in the queue";
  } else {
    out += a.reply.dead ? "was given up" : "neither holds nor waits";
  }
  for (const auto& h : a.reply.heirs) out += "; heir " + h.id;
  return out;
}

}  // namespace dlock::simulator
