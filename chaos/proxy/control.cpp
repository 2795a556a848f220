#include <arpa/inet.h>

#include <charconv>
#include <iterator>
#include <map>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "proxy.hpp"

namespace chaos {

const char* const kCommands = R"(Commands, a line each, answered by "ok", by "error: ..." or by a line of JSON:
  target K [ADDRESS:]PORT     member K listens there (from the start: nowhere), on 127.0.0.1 if no address is named
  pid WHO PID                 m0, m1, m2, w0, ... or w9 is this process: what connects from now on is WHO
  hold-requests SRC DST       what SRC sends to DST is kept until it is healed, ends included
  hold-replies SRC DST        the same for the other direction of SRC's connections
  refuse SRC DST              resets SRC's connections to DST, and every new one
  reset SRC DST               resets those that there are
  delay SRC DST MS            replies arrive later by so much
  swallow SRC DST N TEXT      the next N requests with TEXT in them are carried out, their replies are thrown away, and
                              the connections are reset
  half SRC DST N TEXT         the same, but half of the reply arrives
  open SRC DST                ends hold and refuse, and nothing else; what was held arrives
  heal [SRC DST]              ends everything
  stats                       what was done so far
SRC: m0, m1, m2, w0, ... w9, others (no known process), client (others and w0 to w9) or any; DST: m0, m1, m2 or any.
)";

namespace {

int number(const std::string& word) {
  int value = 0;
  const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (problem != std::errc{} || end != word.data() + word.size() || value < 0)
    throw std::invalid_argument("'" + word + "' is no number");
  return value;
}

std::size_t below(const std::string& word, std::size_t end) {
  const auto value = static_cast<std::size_t>(number(word));
  if (value >= end) throw std::invalid_argument("there is no number " + word);
  return value;
}

/// m0, w3
std::size_t process_name(const std::string& word) {
  if (word.size() > 1 && word[0] == 'm') return below(word.substr(1), kMembers);
  if (word.size() > 1 && word[0] == 'w') return kMembers + below(word.substr(1), kWorkers);
  throw std::invalid_argument("'" + word + "' is no member and no worker");
}

std::vector<std::size_t> sources(const std::string& word) {
  if (word == "others") return {kOthers};
  if (word != "any" && word != "client") return {process_name(word)};
  std::vector<std::size_t> out(word == "any" ? kSources : kSources - kMembers);
  std::iota(out.begin(), out.end(), kSources - out.size());
  return out;
}

std::vector<std::size_t> targets(const std::string& word) {
  if (word == "any") return {0, 1, 2};
  if (word.empty() || word[0] != 'm') throw std::invalid_argument("'" + word + "' is no member");
  return {process_name(word)};
}

using word_list = std::vector<std::string>;

sockaddr_in address(const std::string& word) {
  const auto colon = word.find(':');
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(static_cast<std::uint16_t>(number(word.substr(colon + 1))));
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (colon != word.npos && inet_pton(AF_INET, word.substr(0, colon).c_str(), &a.sin_addr) != 1)
    throw std::invalid_argument("'" + word + "' is no address");
  return a;
}

void lose_replies(rule& r, const word_list& w) {
  r.times = number(w[3]);
  r.half = w[0] == "half";
  r.text = w[4];
}

/// What a command does to the rule for SRC and DST, its second and third word.
struct change {
  std::size_t size;  // of the words
  void (*apply)(rule&, const word_list&);
};
const std::map<std::string, change> kChanges{
    {"heal", {3, [](rule& r, const word_list&) { r = {}; }}},
    {"open", {3, [](rule& r, const word_list&) { r.hold_requests = r.hold_replies = r.refuse = false; }}},
    {"hold-requests", {3, [](rule& r, const word_list&) { r.hold_requests = true; }}},
    {"hold-replies", {3, [](rule& r, const word_list&) { r.hold_replies = true; }}},
    {"refuse", {3, [](rule& r, const word_list&) { r.refuse = true; }}},
    {"reset", {3, [](rule&, const word_list&) {}}},
    {"delay", {4, [](rule& r, const word_list& w) { r.delay = std::chrono::milliseconds(number(w[3])); }}},
    {"swallow", {5, lose_replies}},
    {"half", {5, lose_replies}},
};

}  // namespace

std::string proxy::command(const std::string& line) try {
  std::istringstream in(line);
  word_list w{std::istream_iterator<std::string>(in), {}};
  if (w.empty()) throw std::invalid_argument("nothing to do");
  const auto verb = w[0];
  if (verb != "pid") find_sources();  // before there is a rule for some of them
  if (verb == "stats") return rules_.json();
  if (verb == "heal" && w.size() == 1) w = {verb, "any", "any"};
  const auto how = kChanges.find(verb);
  if (how == kChanges.end() && verb != "target" && verb != "pid")
    throw std::invalid_argument("unknown command '" + verb + "'");
  const auto size = how == kChanges.end() ? 3 : how->second.size;
  if (w.size() != size) throw std::invalid_argument(verb + " takes " + std::to_string(size - 1) + " words");

  if (verb == "target") {
    targets_[below(w[1], kMembers)] = address(w[2]);
  } else if (verb == "pid") {
    pids_[process_name(w[1])] = number(w[2]);
  } else {
    for (const auto source : sources(w[1])) {
      for (const auto target : targets(w[2])) {
        how->second.apply(rules_.at(source, target), w);
        if (verb == "refuse" || verb == "reset") reset_links(source, target);
      }
    }
  }
  return "ok";
} catch (const std::exception& problem) {
  return std::string("error: ") + problem.what();
}

}  // namespace chaos
