#include <charconv>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>

#include "verdict.hpp"

// chaos-check [--min N] DIR
namespace {

constexpr int kFine = 0, kBroken = 1, kUnusable = 2;

void print(const dlock::chaos::verdict& v) {
  for (const auto& c : v.checks) {
    std::cout << (c.ok() ? "ok     " : "BROKEN ") << c.name << ": " << c.detail;
    if (!c.ok()) std::cout << "; broken " << c.broken << " times";
    std::cout << "\n";
    for (const auto& each : c.examples) std::cout << "        " << each << "\n";
  }
}

int check(const std::string& directory, std::int64_t least) {
  const auto h = dlock::chaos::load(directory);
  if (!h.healed) throw dlock::chaos::unusable("nothing says \"healed\": the run did not come to its end");
  const auto v = dlock::chaos::judge(h);
  print(v);
  std::ofstream out(directory + "/chaos-check.json");
  out << dlock::chaos::as_json(v);
  if (!out.flush()) throw dlock::chaos::unusable("cannot write " + directory + "/chaos-check.json");
  if (!v.ok()) return kBroken;
  if (const auto n = v.counts.at("acquisitions"); n < least)
    throw dlock::chaos::unusable("says too little: " + std::to_string(n) + " acquisitions, " + std::to_string(least) +
                                 " are the least");
  return kFine;
}

}  // namespace

int main(int argc, char** argv) {
  std::string directory;
  std::int64_t least = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--min" && i + 1 < argc) {
      const std::string n = argv[++i];
      if (std::from_chars(n.data(), n.data() + n.size(), least).ec == std::errc{}) continue;
    } else if (!word.starts_with("-") && directory.empty()) {
      directory = word;
      continue;
    }
    directory.clear();
    break;
  }
  if (directory.empty()) {
    std::cerr << "usage: chaos-check [--min ACQUISITIONS] DIR\n";
    return kUnusable;
  }
  try {
    return check(directory, least);
  } catch (const std::exception& why) {
    std::cerr << "chaos-check: " << directory << ": " << why.what() << "\n";
    return kUnusable;
  }
}
