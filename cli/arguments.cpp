#include "arguments.hpp"

#include <getopt.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "text.hpp"

namespace dlock::cli {

namespace {

const option& find(std::string_view verb, const std::vector<option>& options, const std::string& shown) {
  const auto is_shown = [&](const option& o) {
    if (!shown.starts_with("--")) return o.letter == shown[1];
    const std::string_view name = std::string_view(shown).substr(2);
    return !name.empty() && (name == o.name || name == o.alias);
  };
  const auto found = std::find_if(options.begin(), options.end(), is_shown);
  if (found != options.end()) return *found;
  throw failure("unknown option " + quoted_input(shown) + "; see 'dlock " + std::string(verb) + " --help'");
}

/// Takes what the environment has of the options that were not given. A variable is not even looked at if its option
/// was given, or if only the help was asked for.
void take_from_environment(const std::vector<option>& options, const std::set<const option*>& given) {
  if (std::any_of(given.begin(), given.end(), [](const option* o) { return o->name == std::string_view("help"); }))
    return;
  for (const option& o : options) {
    const char* const value = *o.environment != '\0' && !given.contains(&o) ? std::getenv(o.environment) : nullptr;
    if (value == nullptr) continue;
    const std::string name = o.environment;
    if (*value == '\0') throw failure(name + " is empty; set it to a value for --" + o.name + ", or unset it");
    try {
      o.take(value);
    } catch (const failure& why) {
      throw failure("in the environment variable " + name + ": " + why.what());
    }
  }
}

}  // namespace

operands parse_arguments(std::string_view verb, const std::vector<option>& options,
                         const std::vector<std::string>& arguments, std::size_t leading) {
  return parse_arguments(verb, options, arguments, [leading] { return leading; });
}

operands parse_arguments(std::string_view verb, const std::vector<option>& options,
                         const std::vector<std::string>& arguments, const std::function<std::size_t()>& leading) {
  std::string letters = "+:";  // stop at the first operand, print no messages
  std::vector<struct ::option> names;
  for (const option& o : options) {
    const bool has_value = !o.value.empty();
    if (o.letter != 0) letters += std::string(1, o.letter) + (has_value ? ":" : "");
    for (const char* const name : {o.name, o.alias}) names.push_back({name, has_value ? 1 : 0, nullptr, 1});
  }
  names.push_back({});
  std::vector<char*> words{nullptr};  // the name of the program
  for (const std::string& each : arguments) words.push_back(const_cast<char*>(each.c_str()));
  const int count = static_cast<int>(words.size());
  words.push_back(nullptr);
  char* const* const argv = words.data();

  operands out;
  std::set<const option*> given;
  optind = 0;  // resets getopt, in glibc and in musl
  for (;;) {
    const int at = std::max(optind, 1);
    const int found = getopt_long(count, argv, letters.c_str(), names.data(), nullptr);
    if (found == -1) {
      const bool after_dashes = optind > at;
      if (after_dashes || optind == count || out.leading.size() >= leading()) break;
      out.leading.emplace_back(argv[optind++]);
      continue;
    }
    const std::string word = argv[at];
    const char letter = static_cast<char>(found == '?' || found == ':' ? optopt : found);
    const std::string shown = word.starts_with("--") ? word.substr(0, word.find('=')) : std::string{'-', letter};
    // getopt accepts abbreviations. Here they count as unknown: an option that is added later could make them
    // ambiguous.
    const option& o = find(verb, options, shown);
    if (found == '?') throw failure("option " + quoted_input(shown) + " takes no value");
    if (found == ':') throw failure("option " + quoted_input(shown) + " needs a value: " + std::string(o.value));
    o.take(optarg != nullptr ? optarg : "");
    given.insert(&o);
  }
  take_from_environment(options, given);
  auto next = arguments.begin() + (optind - 1);
  if (out.leading.size() < leading()) {
    while (next != arguments.end() && out.leading.size() < leading()) out.leading.push_back(*next++);
    if (next != arguments.end() && *next == "--") ++next;  // `run -- job -- command`: the second -- only separates
  }
  out.rest.assign(next, arguments.end());
  return out;
}

void refuse_operands(std::string_view verb, const operands& given, std::string_view advice) {
  if (given.rest.empty()) return;
  throw failure("'dlock " + std::string(verb) + "' takes no operand such as " + quoted_input(given.rest.front()) +
                "; " + std::string(advice));
}

std::string describe(const std::vector<option>& options) {
  constexpr std::size_t column = 30;
  std::string out;
  for (const option& o : options) {
    std::string line = o.letter != 0 ? std::string("  -") + o.letter + ", --" : "      --";
    line += o.name;
    if (*o.alias != '\0') line += std::string(", --") + o.alias;
    if (!o.value.empty()) line += " " + std::string(o.value);
    const std::size_t used = line.size() + 2 > column ? 0 : line.size();
    if (used == 0) line += '\n';
    line.append(column - used, ' ');
    for (const char c : o.help) {
      line += c;
      if (c == '\n') line.append(column, ' ');
    }
    out += line + "\n";
  }
  return out;
}

}  // namespace dlock::cli
