#include "lock_spec.hpp"

#include <charconv>
#include <sstream>
#include <stdexcept>

namespace chaos {
namespace {

[[noreturn]] void refuse(const std::string& word) {
  throw std::invalid_argument("--locks: '" + word + "' is none of m*, r*, s*:N and e*");
}

lock_spec parse(const std::string& word) {
  lock_spec out;
  out.id = word;
  switch (word.empty() ? '\0' : word.front()) {
    case 'm':
      out.what = kind::mutex;
      break;
    case 'r':
      out.what = kind::shared;
      break;
    case 'e':
      out.what = kind::election;
      break;
    case 's': {
      out.what = kind::semaphore;
      const auto colon = word.find(':');
      if (colon == std::string::npos) refuse(word);
      const char* end = word.data() + word.size();
      const auto number = std::from_chars(word.data() + colon + 1, end, out.cap);
      if (number.ec != std::errc{} || number.ptr != end || out.cap < 1) refuse(word);
      out.id = word.substr(0, colon);
      return out;
    }
    default:
      refuse(word);
  }
  if (word.find(':') != std::string::npos) refuse(word);
  return out;
}

}  // namespace

const char* name_of(kind what) {
  switch (what) {
    case kind::mutex:
      return "mutex";
    case kind::shared:
      return "shared";
    case kind::semaphore:
      return "semaphore";
    case kind::election:
      return "election";
  }
  return "?";
}

std::vector<lock_spec> parse_locks(const std::string& text) {
  std::vector<lock_spec> out;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, ',');) out.push_back(parse(word));
  if (out.empty()) refuse(text);
  return out;
}

}  // namespace chaos
