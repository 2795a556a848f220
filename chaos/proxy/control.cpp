#include <charconv>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "proxy.hpp"

namespace chaos {

const char* const kCommands = R"(Commands, a line each, answered by "ok", by "error: ..." or by a line of JSON:
  target K PORT               member K listens there (from the start: nowhere)
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

}  // namespace

std::string proxy::command(const std::string& line) try {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  if (words.empty()) throw std::invalid_argument("nothing to do");
  const auto verb = words[0];
  const auto need = [&](std::size_t n) {
    if (words.size() != n) throw std::invalid_argument(verb + " takes " + std::to_string(n - 1) + " words");
  };
  const auto for_each = [&](auto use) {
    for (const auto source : sources(words.at(1))) {
      for (const auto target : targets(words.at(2))) use(source, target);
    }
  };
  const auto reset_links = [&](std::size_t source, std::size_t target) {
    for (const auto& [fd, l] : links_) {
      if (fd != l->peer() || l->source() != source || l->target() != target) continue;
      l->reset();
      ++rules_.count(source, target).reset;
    }
  };

  if (verb != "pid") find_sources();  // before there is a rule for some of them
  if (verb == "stats") return rules_.json();
  if (verb == "heal" && words.size() == 1) words = {verb, "any", "any"};
  if (verb == "target") {
    need(3);
    targets_[below(words[1], kMembers)] = static_cast<std::uint16_t>(number(words[2]));
  } else if (verb == "pid") {
    need(3);
    pids_[process_name(words[1])] = number(words[2]);
  } else if (verb == "heal") {
    need(3);
    for_each([&](auto source, auto target) { rules_.heal(source, target); });
  } else if (verb == "open") {
    need(3);
    for_each([&](auto source, auto target) {
      auto& r = rules_.at(source, target);
      r.hold_requests = r.hold_replies = r.refuse = false;
    });
  } else if (verb == "hold-requests") {
    need(3);
    for_each([&](auto source, auto target) { rules_.at(source, target).hold_requests = true; });
  } else if (verb == "hold-replies") {
    need(3);
    for_each([&](auto source, auto target) { rules_.at(source, target).hold_replies = true; });
  } else if (verb == "refuse") {
    need(3);
    for_each([&](auto source, auto target) {
      rules_.at(source, target).refuse = true;
      reset_links(source, target);
    });
  } else if (verb == "reset") {
    need(3);
    for_each(reset_links);
  } else if (verb == "delay") {
    need(4);
    for_each([&](auto source, auto target) {
      rules_.at(source, target).delay = std::chrono::milliseconds(number(words[3]));
    });
  } else if (verb == "swallow" || verb == "half") {
    need(5);
    for_each([&](auto source, auto target) {
      auto& r = rules_.at(source, target);
      r.times = number(words[3]);
      r.half = verb == "half";
      r.text = words[4];
    });
  } else {
    throw std::invalid_argument("unknown command '" + verb + "'");
  }
  return "ok";
} catch (const std::exception& problem) {
  return std::string("error: ") + problem.what();
}

}  // namespace chaos
