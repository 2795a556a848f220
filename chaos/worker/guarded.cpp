#include "guarded.hpp"

#include <algorithm>
#include <sstream>

namespace chaos {

/// Each token counts as soon as it is seen: a read with a newer one bars the older one's write.
bool guarded::accepts(resource& r, std::int64_t token, bool exclusive) const {
  const bool ok = token >= (exclusive ? r.highest : r.highest_exclusive);
  r.highest = std::max(r.highest, token);
  if (exclusive) r.highest_exclusive = std::max(r.highest_exclusive, token);
  return ok || !fenced_;
}

std::string guarded::answer(const std::string& line) {
  std::istringstream words(line);
  std::string verb, lock, mode, id, from;
  std::int64_t token = 0, number = 0;
  words >> verb >> lock;
  if (verb == "get") words >> mode;
  if (verb == "put" || verb == "enter" || verb == "leave") words >> number;
  words >> token >> id >> from;
  if (!words) return "error not understood: " + line;

  auto& r = resources_[lock];
  json event{{"lock", lock}};
  std::string out = "ok";
  if (verb == "get") {
    (void)accepts(r, token, mode == "x");
    event.update({{"n", r.n}, {"token", token}, {"mode", mode}});
    out = "n " + std::to_string(r.n);
  } else if (verb == "put") {
    const bool ok = accepts(r, token, true);
    if (ok) r.n = number;
    event.update({{"n", number}, {"token", token}, {"mode", "x"}, {"ok", ok}});
    if (!ok) out = "stale";
  } else if (verb == "see") {
    const bool ok = accepts(r, token, false);
    event.update({{"token", token}, {"mode", "s"}, {"ok", ok}});
    if (!ok) out = "stale";
  } else if (verb == "enter" || verb == "leave") {
    event.update({{"token", token}, {"weight", number}});
  } else {
    return "error not understood: " + line;
  }
  event.update({{"id", id}, {"from", from}});
  into_.write(verb.c_str(), event);
  return out;
}

}  // namespace chaos
