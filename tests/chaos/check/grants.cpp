#include "grants.hpp"

#include <algorithm>
#include <map>

namespace dlock::chaos {

index::index(const lines& of) {
  std::map<std::string, std::size_t> calls;
  std::map<std::string, ns> queued;
  std::map<std::string, std::size_t> by_id;
  std::map<int, std::size_t> excuse_of;
  const auto key = [](const json& line) { return line["p"].get<std::string>() + line["c"].dump(); };
  for (std::size_t i = 0; i < of.size(); ++i) {
    const auto& line = of[i];
    if (is(line, "fault")) faults.insert(line["class"]);
    if (is(line, "fault") && (line["class"] == "operator-edit" || line["class"] == "server-clock")) {
      auto& open = excuse_of[line["n"]];
      if (line["phase"] == "begin") {
        open = excuses.size();
        excuses.emplace_back(time_of(line), never);
      } else {
        excuses[open].second = time_of(line);
      }
    }
    if (is(line, "killed")) faults.insert("killed"), killed.insert(line["who"]);
    if (is(line, "frozen")) faults.insert("frozen"), frozen.insert(line["who"]);
    if (is(line, "queued")) queued[key(line)] = time_of(line);
    if (is(line, "call")) calls[key(line)] = i;
    if (is(line, "call") && line["op"] == "release" && line.contains("id") && by_id.contains(line["id"])) {
      grants[by_id[line["id"]]].release = i;
    }
    if (is(line, "call") && line["op"] == "downgrade" && by_id.contains(line["id"]))
      grants[by_id[line["id"]]].downgraded = true;
    if (is(line, "lost") && by_id.contains(line["id"])) grants[by_id[line["id"]]].lost = i;
    if (!is(line, "return")) continue;
    const auto& call = of[calls[key(line)]];
    if (call["op"] == "release" && call.contains("id") && by_id.contains(call["id"])) {
      auto& g = grants[by_id[call["id"]]];
      g.released = i;
      if (line["what"] == "released") g.release_returned = time_of(line);
    }
    if (line["what"] != "acquired" || call["op"] == "acquire_all") continue;
    grant_lines g;
    g.call = calls[key(line)];
    g.ret = i;
    g.process = line["p"];
    g.lock = call["lock"];
    g.id = line["id"];
    g.kind = call["kind"];
    g.exclusive = call["mode"] == "x" && g.kind != "semaphore";
    g.token = line["token"];
    g.called = time_of(call);
    g.returned = time_of(line);
    if (queued.contains(key(line)) && call["op"] == "acquire") g.queued = queued[key(line)];
    by_id[g.id] = grants.size();
    grants.push_back(g);
  }
}

bool index::lease_proof(ns from, ns to) const {
  return std::none_of(excuses.begin(), excuses.end(), [&](auto& e) { return e.first <= to && e.second >= from; });
}

}  // namespace dlock::chaos
