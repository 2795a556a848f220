#include "simulator/inboxes.hpp"

#include <algorithm>
#include <utility>

#include "simulator/process.hpp"

namespace dlock::simulator {
namespace {

constexpr std::size_t kRoom = 32;  // number of messages

}  // namespace

inboxes::inboxes(agenda& events, chance& luck, coverage& seen)
    : to_heir([](const auto&) { return fate{}; }), events_(events), luck_(luck), seen_(seen) {}

void inboxes::follow(const std::shared_ptr<process>& who) {
  const auto [it, is_new] = all_.try_emplace(who->name(), inbox{who});
  if (is_new) close(who->name(), luck_.between(1, 30) * ticks_per_ms);
}

bool inboxes::is_open(const std::string& client) const {
  const auto it = all_.find(client);
  return it != all_.end() && it->second.open;
}

void inboxes::close(const std::string& client, tick for_so_long) {
  const auto it = all_.find(client);
  if (it == all_.end()) return;
  it->second.open = false;
  events_.after(for_so_long, [this, client] { open(client); });
}

void inboxes::open(const std::string& client) {
  auto& box = all_.at(client);
  const auto who = box.owner.lock();
  if (box.open || !who) return;
  box.open = true;
  who->deliver([who] { who->inbox_opened(); });
  if (luck_.in(4)) box.told.keep(0);  // messages of others have pushed all of these out
  box.read = 0;                       // reading starts at the first message, so some are heard again
  read(box, who);
}

void inboxes::read(inbox& box, const std::shared_ptr<process>& who) {
  for (const auto* next = box.told.after(box.read); next != nullptr; next = box.told.after(box.read)) {
    box.read = next->at;
    who->deliver([who, g = next->what] { who->heard(g); });
  }
}

void inboxes::tell(const std::string& client, const protocol::grant& g) {
  const auto it = all_.find(client);
  const auto who = it == all_.end() ? nullptr : it->second.owner.lock();
  if (!who) return;
  const auto doing = who->doing(g.id);
  const fate f = to_heir(g);
  if (f.lost) {
    if (doing) seen_.hit(fault::unheard, *doing);
    return;
  }
  if (f.delay > late_from && doing) seen_.hit(fault::late_notice, *doing);
  events_.after(std::min(f.delay, network::longest_delay), [this, client, g] {
    auto& box = all_.at(client);
    box.told.insert(g);
    box.told.keep(kRoom);
    if (const auto to = box.owner.lock(); to && box.open) read(box, to);
  });
}

}  // namespace dlock::simulator
