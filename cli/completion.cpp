#include "completion.hpp"

#include <algorithm>
#include <utility>

namespace dlock::cli {

namespace {

using kind = completion::kind;

const option* find_option(const manual& verb, std::string_view name) {
  const auto found = std::find_if(verb.options.begin(), verb.options.end(), [&](const option& o) {
    return name.starts_with("--") ? name.substr(2) == o.name || (*o.alias != '\0' && name.substr(2) == o.alias)
                                  : name.size() == 2 && name[1] == o.letter;
  });
  return found != verb.options.end() ? &*found : nullptr;
}

bool is_of_the_server(const option& o) {
  for (const std::string_view name : {"url", "url-file", "db", "coll"}) {
    if (name == o.name) return true;
  }
  return false;
}

/// What is known after the words before the cursor.
struct reader {
  const manual& verb;
  const option* awaits_value = nullptr;
  bool dashes = false, has_ids = false, has_shell = false;
  std::size_t operands = 0;
  std::vector<std::string> of_the_server = {};

  [[nodiscard]] bool runs_a_command() const { return verb.operands.find("COMMAND") != std::string_view::npos; }
  [[nodiscard]] bool takes_ids() const {
    return verb.operands.find("ID") != std::string_view::npos && !(verb.verb == "resize" && operands > 0);
  }
  /// The next operand is COMMAND, or a word of it.
  [[nodiscard]] bool at_command() const { return runs_a_command() && operands >= (has_ids ? 0u : 1u); }

  void take(const option& o, const std::string& value) {
    has_ids = has_ids || std::string_view(o.name) == "id";
    has_shell = has_shell || std::string_view(o.name) == "shell";
    if (is_of_the_server(o)) of_the_server.insert(of_the_server.end(), {std::string("--") + o.name, value});
  }

  void read_letters(const std::string& word) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      const option* const o = find_option(verb, "-" + word.substr(i, 1));
      if (o == nullptr || o->value.empty()) continue;
      if (i + 1 < word.size()) {
        take(*o, word.substr(i + 1));
      } else {
        awaits_value = o;
      }
      return;
    }
  }

  /// False: COMMAND begins here.
  bool read(const std::string& word) {
    if (awaits_value != nullptr) {
      take(*std::exchange(awaits_value, nullptr), word);
    } else if (!dashes && word == "--") {
      dashes = true;
    } else if (!dashes && word.starts_with("--")) {
      const auto sign = word.find('=');
      const option* const o = find_option(verb, std::string_view(word).substr(0, sign));
      if (o != nullptr && sign != std::string::npos) take(*o, word.substr(sign + 1));
      if (o != nullptr && sign == std::string::npos && !o->value.empty()) awaits_value = o;
    } else if (!dashes && word.size() > 1 && word[0] == '-') {
      read_letters(word);
    } else {
      if (at_command()) return false;
      ++operands;
    }
    return true;
  }
};

std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find_first_of("\n.")));
}

/// Those of `all` that begin with what was typed.
completion choice(std::vector<completion::word> all, std::string_view typed) {
  std::erase_if(all, [&](const completion::word& w) { return !w.text.starts_with(typed); });
  return {.words = std::move(all)};
}

completion options_of(const manual& verb, std::string_view typed) {
  std::vector<completion::word> all;
  for (const option& o : verb.options) {
    if (o.letter != 0) all.push_back({{'-', o.letter}, first_line(o.help)});
    all.push_back({std::string("--") + o.name, first_line(o.help)});
    // Aliases are for old scripts: they are shown if nothing else fits.
    if (*o.alias != '\0' && typed.size() > 2 && !all.back().text.starts_with(typed)) {
      all.push_back({std::string("--") + o.alias, first_line(o.help)});
    }
  }
  return choice(std::move(all), typed);
}

completion value_of(const option& o, const std::string& typed) {
  if (o.value == "FILE") return {.what = kind::files, .prefix = typed};
  if (o.value == "ID") return {.what = kind::ids, .prefix = typed};
  if (o.value == "BOOL") return choice({{"true", ""}, {"false", ""}}, typed);
  if (std::string_view(o.name) == "expiry") return choice({{"clock", ""}, {"observed", ""}}, typed);
  return {};
}

completion of_verb(const manual& verb, const std::vector<std::string>& line) {
  reader at{.verb = verb};
  for (std::size_t i = 1; i + 1 < line.size(); ++i) {
    if (!at.read(line[i])) return {.what = kind::command, .command_at = i};
  }
  const std::string& typed = line.back();
  completion out;
  const auto sign = typed.find('=');
  const option* const given = typed.starts_with("--") && sign != std::string::npos
                                  ? find_option(verb, std::string_view(typed).substr(0, sign))
                                  : nullptr;
  if (at.awaits_value != nullptr) {
    out = value_of(*at.awaits_value, typed);
  } else if (!at.dashes && given != nullptr) {
    out = value_of(*given, typed.substr(sign + 1));
    out.before = typed.substr(0, sign + 1);
  } else if (!at.dashes && typed.starts_with('-')) {
    out = options_of(verb, typed);
  } else if (at.at_command()) {
    if (!at.has_shell) out = {.what = kind::command, .command_at = line.size() - 1};
  } else if (at.takes_ids()) {
    out = {.what = kind::ids, .prefix = typed};
  } else if (verb.verb == "completion" && at.operands == 0) {
    std::vector<completion::word> shells;
    for (const std::string_view shell : known_shells()) shells.push_back({std::string(shell), ""});
    out = choice(std::move(shells), typed);
  }
  out.of_the_server = std::move(at.of_the_server);
  return out;
}

}  // namespace

completion complete(const std::vector<manual>& verbs, const std::vector<std::string>& line) {
  if (line.empty()) return {};
  if (line.size() == 1) {
    std::vector<completion::word> all;
    for (const manual& each : verbs) all.push_back({std::string(each.verb), std::string(each.summary)});
    if (line[0].starts_with('-'))
      all = {{"--help", "print the help and exit"}, {"--version", "print the version and exit"}};
    return choice(std::move(all), line[0]);
  }
  const auto verb = std::find_if(verbs.begin(), verbs.end(), [&](const manual& m) { return m.verb == line[0]; });
  return verb != verbs.end() ? of_verb(*verb, line) : completion{};
}

}  // namespace dlock::cli
