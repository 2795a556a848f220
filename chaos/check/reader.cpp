#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "history.hpp"

namespace dlock::chaos {

using nlohmann::json;

namespace {

const std::map<std::string, process_news> kProcessNews{{"killed", process_news::killed},
                                                       {"frozen", process_news::frozen},
                                                       {"thawed", process_news::thawed},
                                                       {"stopped", process_news::stopped},
                                                       {"continued", process_news::continued}};

const json& field(const json& e, const char* name) {
  const auto it = e.find(name);
  if (it == e.end()) throw unusable(std::string("has no \"") + name + "\"");
  return *it;
}

std::int64_t number(const json& e, const char* name) {
  const auto& f = field(e, name);
  if (!f.is_number_integer()) throw unusable(std::string("\"") + name + "\" is no whole number");
  return f.get<std::int64_t>();
}

std::int64_t number_or(const json& e, const char* name, std::int64_t other) {
  return e.contains(name) && !e[name].is_null() ? number(e, name) : other;
}

std::string text(const json& e, const char* name) {
  const auto& f = field(e, name);
  if (!f.is_string()) throw unusable(std::string("\"") + name + "\" is no text");
  return f.get<std::string>();
}

std::string text_or(const json& e, const char* name, const char* other) {
  return e.contains(name) && !e[name].is_null() ? text(e, name) : other;
}

bool truth(const json& e, const char* name) {
  const auto& f = field(e, name);
  if (!f.is_boolean()) throw unusable(std::string("\"") + name + "\" is neither true nor false");
  return f.get<bool>();
}

claim read_claim(const json& e) {
  claim c;
  c.lock = text(e, "lock");
  c.kind = text_or(e, "kind", "mutex");
  c.exclusive = text_or(e, "mode", "x") == "x" && c.kind != "semaphore";
  c.weight = number_or(e, "weight", 0);
  if (!c.exclusive && c.weight == 0) c.weight = 1;
  c.cap = number_or(e, "cap", 0);
  return c;
}

grant read_grant(const json& e, const std::string& lock) {
  return {lock, text(e, "id"), number(e, "token"), number(e, "until")};
}

void read_config(const json& c, run_config& into) {
  if (!c.is_object()) return;
  for (const char* inner : {"options", "config"}) {
    if (c.contains(inner)) read_config(c[inner], into);
  }
  const auto duration = [&](const char* name, ns& value) {
    if (c.contains(name) && c[name].is_number()) value = c[name].get<std::int64_t>() * ns_per_ms;
  };
  if (c.contains("expiry") && c["expiry"].is_string()) into.observed = c["expiry"] == "observed";
  duration("clock_skew_ms", into.clock_skew);
  duration("wait_period_ms", into.wait_period);
  duration("grace_ms", into.grace);
}

/// A history, taken in line by line.
struct reader {
  history h;
  std::uint32_t line = 0;                             // of the last file
  std::unordered_map<std::string, std::size_t> open;  // process and number of a call -> its place in `calls`

  void begin_file(const std::string& name) {
    h.files.push_back(name);
    line = 0;
  }
  /// A whole line, without its end. `last`: of its file, where half a line is what a killed process leaves.
  void take(std::string_view row, bool last);
};

struct event_taker {
  reader& r;
  const json& e;
  history& h = r.h;
  ns at = number(e, "t");
  std::string process = text(e, "p");
  place where{static_cast<std::uint32_t>(h.files.size() - 1), r.line};

  void take() {
    h.first = std::min(h.first, at);
    h.last = std::max(h.last, at);
    const auto event = text(e, "e");
    if (!(process == "harness" ? harness(event) : process == "resource" ? resource(event) : worker(event))) {
      ++h.ignored[event];
    }
  }

  [[nodiscard]] std::string call_key() const { return process + " " + std::to_string(number(e, "c")); }

  call& opened() {
    const auto it = r.open.find(call_key());
    if (it == r.open.end()) throw unusable("is of a call that was not begun");
    return h.calls[it->second];
  }

  bool worker(const std::string& event) {
    if (event == "call") {
      begin_call();
    } else if (event == "queued") {
      auto& c = opened();
      if (!c.queued) c.queued = at;
    } else if (event == "return") {
      end_call();
    } else if (event == "held") {
      h.lease_events.push_back({lease_news::held, at, process, text(e, "id"), number(e, "until"), {}, where});
    } else if (event == "lost") {
      h.lease_events.push_back({lease_news::lost, at, process, text(e, "id"), 0, {}, where});
    } else if (event == "forked") {
      h.lease_events.push_back({lease_news::forked, at, process, text(e, "id"), 0, {}, where});
    } else if (event == "child") {
      lease_event child{lease_news::child, at, process, text(e, "id"), 0, {}, where};
      for (const auto& [name, value] : e.items()) {
        if (value.is_string() && name != "p" && name != "e" && name != "id") child.answers[name] = value;
      }
      h.lease_events.push_back(std::move(child));
    } else {
      return false;
    }
    return true;
  }

  void begin_call() {
    call c;
    c.process = process;
    c.op = text(e, "op");
    c.at = at;
    c.where = where;
    c.ttl = number_or(e, "ttl", 0) * ns_per_ms;
    if (e.contains("timeout")) c.timeout = number(e, "timeout") * ns_per_ms;
    if (c.op == "acquire_all") {
      for (const auto& each : field(e, "locks")) c.claims.push_back(read_claim(each));
    } else if (e.contains("lock") && e["lock"].is_string()) {
      c.claims.push_back(read_claim(e));
    }
    if (c.acquires() && c.claims.empty()) throw unusable("acquires no lock");
    if (e.contains("id")) c.ids.push_back(text(e, "id"));
    if (e.contains("ids")) c.ids = e["ids"].get<std::vector<std::string>>();
    if (!r.open.emplace(call_key(), h.calls.size()).second) throw unusable("is a call whose number was used before");
    h.calls.push_back(std::move(c));
  }

  void end_call() {
    auto& c = opened();
    if (c.returned) throw unusable("is the second return of its call");
    c.returned = at;
    c.where_returned = where;
    c.what = text(e, "what");
    c.in_doubt = e.contains("in_doubt") && truth(e, "in_doubt");
    if (e.contains("took")) c.took = number(e, "took") * ns_per_ms;
    c.starved = number_or(e, "starved", 0) * ns_per_ms;
    if (c.what != "acquired") return;
    if (e.contains("got")) {
      for (const auto& each : e["got"]) c.got.push_back(read_grant(each, text(each, "lock")));
    } else {
      if (c.claims.size() != 1) throw unusable("says \"acquired\" to a call that does not name one lock");
      c.got.push_back(read_grant(e, c.claims.front().lock));
    }
    for (const auto& g : c.got) {
      const bool asked = std::any_of(c.claims.begin(), c.claims.end(), [&](auto& each) { return each.lock == g.lock; });
      if (!asked) throw unusable("grants " + g.lock + ", which was not asked for");
    }
  }

  bool resource(const std::string& event) {
    static const std::map<std::string, access_kind> kinds{{"get", access_kind::get},
                                                          {"put", access_kind::put},
                                                          {"see", access_kind::see},
                                                          {"enter", access_kind::enter},
                                                          {"leave", access_kind::leave}};
    const auto kind = kinds.find(event);
    if (kind == kinds.end()) return false;
    access a;
    a.what = kind->second;
    a.at = at;
    a.lock = text(e, "lock");
    a.token = number(e, "token");
    a.id = text(e, "id");
    a.from = text_or(e, "from", "");
    a.exclusive = a.what == access_kind::put || text_or(e, "mode", "s") == "x";
    if (a.what == access_kind::get || a.what == access_kind::put) a.n = number(e, "n");
    if (a.what == access_kind::enter || a.what == access_kind::leave) a.weight = number(e, "weight");
    if (a.what == access_kind::put || a.what == access_kind::see) a.ok = truth(e, "ok");
    a.where = where;
    h.accesses.push_back(std::move(a));
    return true;
  }

  bool harness(const std::string& event) {
    if (event == "start") {
      if (e.contains("config")) read_config(e["config"], h.config);
    } else if (event == "fault") {
      fault_event f{at, text(e, "class"), true, text_or(e, "target", ""), "", std::nullopt};
      const auto phase = text(e, "phase");
      if (phase != "begin" && phase != "end") throw unusable("is a fault that neither begins nor ends");
      f.begins = phase == "begin";
      f.key = f.cls + " " + (e.contains("n") ? e["n"].dump() : f.target);
      if (e.contains("jump_ms")) f.jump = number(e, "jump_ms");
      h.faults.push_back(std::move(f));
    } else if (const auto what = kProcessNews.find(event); what != kProcessNews.end()) {
      h.processes.push_back({what->second, at, text(e, "who")});
    } else if (event == "primary") {
      h.primaries.emplace_back(at, field(e, "member").dump());
    } else if (event == "healed") {
      h.healed = at;
    } else if (event == "final") {
      h.finals.push_back({text(e, "lock"), truth(e, "ok"), number_or(e, "token", 0), at, where});
    } else if (event != "end") {
      return false;
    }
    return true;
  }
};

void reader::take(std::string_view row, bool last) {
  ++line;
  if (row.empty()) return;
  const auto here = [&] { return h.files.back() + ":" + std::to_string(line) + ": "; };
  const auto event = json::parse(row, nullptr, /*allow_exceptions=*/false);
  if (!event.is_object()) {
    if (!last) throw unusable(here() + "is no JSON object");
    ++h.torn;
    if (h.files.back().starts_with("resource")) ++h.resource_torn;
    return;
  }
  try {
    event_taker{*this, event}.take();
  } catch (const unusable& why) {
    throw unusable(here() + why.what());
  } catch (const json::exception& why) {
    throw unusable(here() + why.what());
  }
}

std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw unusable(file.string() + " cannot be read");
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

history load(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(directory / "history", failed)) {
    if (entry.path().extension() == ".jsonl") files.push_back(entry.path());
  }
  if (failed) throw unusable((directory / "history").string() + ": " + failed.message());
  if (files.empty()) throw unusable((directory / "history").string() + " has no *.jsonl");
  std::sort(files.begin(), files.end());

  reader r;
  if (const auto file = directory / "config.json"; std::filesystem::exists(file)) {
    const auto config = json::parse(contents(file), nullptr, /*allow_exceptions=*/false);
    if (!config.is_object()) throw unusable("config.json is no JSON object");
    read_config(config, r.h.config);
  }
  for (const auto& file : files) {
    r.begin_file(file.filename().string());
    const auto text = contents(file);
    for (std::size_t from = 0; from < text.size();) {
      const auto end = std::min(text.find('\n', from), text.size());
      const bool last = end + 1 >= text.size();
      r.take(std::string_view(text).substr(from, end - from), last);
      from = end + 1;
    }
  }
  return std::move(r.h);
}

}  // namespace dlock::chaos
