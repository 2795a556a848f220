// An acquisition that is led by arbitrary answers, and by announcements of grants: BSON documents, one behind the
// other.
#include <cstring>
#include <optional>
#include <string>

#include "fuzz.hpp"
#include "protocol/acquire.hpp"
#include "protocol/event.hpp"
#include "protocol/reply.hpp"

namespace {

using namespace dlock::protocol;

/// What is left of the input.
struct remainder {
  const std::uint8_t* data;
  std::size_t size;

  /// Its first document.
  bool read(bson_t& b) const {
    std::int32_t length = 0;
    if (size < sizeof length) return false;
    std::memcpy(&length, data, sizeof length);
    return length >= 5 && static_cast<std::size_t>(length) <= size &&
           bson_init_static(&b, data, static_cast<std::size_t>(length));
  }
  void skip(const bson_t& b) { data += b.len, size -= b.len; }
};

using machine = acquire_machine;

const machine::done* acquired(const machine::action& next) {
  const auto* end = std::get_if<machine::done>(&next);
  return end != nullptr && end->what == machine::result::acquired ? end : nullptr;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  acquire_plan plan;
  plan.queue = (data[0] & 1U) != 0;
  plan.ask.observed = (data[0] & 2U) != 0;
  if ((data[0] & 4U) != 0) plan.deadline = 20000;
  int ids = 0;
  machine acquiring(
      plan, [&] { return "a" + std::to_string(++ids); }, [] { return 0.5; });
  remainder rest{data + 1, size - 1};
  ms now = 1000;
  auto next = acquiring.start(now);
  for (int steps = 0; steps < 50 && !std::holds_alternative<machine::done>(next); ++steps) {
    bson_t b;
    const bool more = rest.read(b);
    const auto announced = more ? parse_grant(&b) : std::nullopt;
    if (announced) {
      rest.skip(b);
      if (const auto then = acquiring.announced(*announced, now, now)) next = *then;
      if (const auto* end = acquired(next)) {
        require(announced->id == acquiring.id() && end->token == announced->fence, "acquired is what was announced");
        require(end->begin <= now && end->begin + end->lease > now, "a lease began before it was heard of, and lasts");
      }
      continue;
    }
    if (const auto* w = std::get_if<machine::wait>(&next)) {
      now = std::max(now, std::min<ms>(w->until, now + 60000));
      next = acquiring.look(now);
      continue;
    }
    if (!more) return 0;
    const auto r = parse_reply(&b, std::get<machine::send>(next).r.observed);
    rest.skip(b);
    next = acquiring.answered(r, now += 10);
    if (const auto* end = acquired(next)) {
      if (r.mine) {
        require(r.found && r.valid, "acquired is what the answer says");
        require(is_token(end->token, r.now), "what was acquired has a possible token");
      } else {
        require(r.place >= 0 && end->begin <= now, "who is in the queue acquires only what was announced");
      }
    }
  }
  return 0;
}
