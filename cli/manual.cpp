#include "manual.hpp"

#include <algorithm>
#include <set>

#include <dlock/version.hpp>

namespace dlock::cli {

namespace {

std::string usage_of(const manual& of, std::string_view first, std::string_view next) {
  std::string out;
  for (const std::string_view usage : of.usages) {
    out += std::string(out.empty() ? first : next) + "dlock " + std::string(of.verb) + " " + std::string(usage) + "\n";
  }
  return out;
}

std::string status_table(const manual& of) {
  std::size_t width = 0;
  for (const auto& [status, meaning] : of.statuses) width = std::max(width, status.size());
  std::string out;
  for (const auto& [status, meaning] : of.statuses) {
    out += "  " + std::string(status) + std::string(width + 2 - status.size(), ' ') + std::string(meaning) + "\n";
  }
  return out;
}

/// Text in which scdoc sees no markup.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\*_<>[]#`~.-").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string title(std::string_view name) {
  return std::string(name) + "(1) \"dlock " + dlock::version() + "\" \"dlock manual\"\n\n";
}

std::string section(std::string_view name, const std::string& text) {
  return "# " + std::string(name) + "\n\n" + text + "\n";
}

std::string literal(const std::string& text) {
  return "```\n" + text + "```\n";
}

/// Paragraphs. Lines that are indented stay as they are.
std::string flowing(std::string_view text) {
  std::string out;
  bool as_it_is = false;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.starts_with(' ') != as_it_is) {
      as_it_is = !as_it_is;
      out += "```\n";
    }
    out += (as_it_is ? std::string(line) : escaped(line)) + "\n";
  }
  return as_it_is ? out + "```\n" : out;
}

std::string option_pages(const std::vector<option>& options) {
  std::string out;
  for (const option& o : options) {
    if (o.letter != 0) out += std::string("*-") + o.letter + "*, ";
    out += "*--" + escaped(o.name) + "*";
    if (*o.alias != '\0') out += ", *--" + escaped(o.alias) + "*";
    if (!o.value.empty()) out += " " + escaped(o.value);
    std::string about = escaped(o.help);
    std::replace(about.begin(), about.end(), '\n', ' ');
    out += "\n\t" + about + "\n\n";
  }
  return out;
}

constexpr std::string_view url_variable = "*DLOCK\\_URL*\n\tThe server's URL, unless --url or --url-file is given.\n\n";

/// Of the variables that stand for an option.
std::string variables(const std::vector<manual>& verbs) {
  std::string out(url_variable);
  std::set<std::string_view> seen{""};
  for (const manual& verb : verbs) {
    for (const option& o : verb.options) {
      if (!seen.insert(o.environment).second) continue;
      out += "*" + escaped(o.environment) + "*\n\tStands for --" + escaped(o.name) + ", unless that is given.\n\n";
    }
  }
  return out;
}

bool has_a_server(const manual& verb) {
  return std::any_of(verb.options.begin(), verb.options.end(), [](const option& o) { return *o.environment != '\0'; });
}

}  // namespace

std::string help_text(const manual& of) {
  std::string out =
      usage_of(of, "Usage: ", "       ") + "\n" + std::string(of.intro) + "\n" + describe(of.options) + "\n";
  if (!of.notes.empty()) out += of.notes + "\n";
  return out + "Exit status:\n" + status_table(of);
}

std::string help_text(const std::vector<manual>& verbs) {
  constexpr std::size_t column = 33;
  std::string out = "Usage: dlock VERB ...\n\n";
  for (const manual& each : verbs) {
    std::string line = "  " + std::string(each.verb) + " " + std::string(each.operands);
    line += std::string(line.size() + 2 > column ? 2 : column - line.size(), ' ');
    out += line + std::string(each.summary) + "\n";
  }
  return out +
         "\n"
         "  -h, --help                     print this help and exit; 'dlock VERB --help' has more\n"
         "  -V, --version                  print the version and exit\n";
}

std::string page_source(const manual& of) {
  const std::string name = "dlock-" + std::string(of.verb);
  std::string out = title(name) + section("NAME", name + " - " + escaped(of.summary) + "\n") +
                    section("SYNOPSIS", literal(usage_of(of, "", ""))) + section("DESCRIPTION", flowing(of.intro)) +
                    section("OPTIONS", option_pages(of.options));
  if (!of.notes.empty()) out += section("NOTES", flowing(of.notes));
  if (has_a_server(of)) out += section("ENVIRONMENT", variables({of}));
  return out + section("EXIT STATUS", literal(status_table(of))) + section("SEE ALSO", "*dlock*(1)\n");
}

std::string page_source(const std::vector<manual>& verbs) {
  std::string synopsis, list, others;
  for (const manual& each : verbs) {
    synopsis += "dlock " + std::string(each.verb) + " " + std::string(each.operands) + "\n";
    list += "*dlock-" + escaped(each.verb) + "*(1)\n\t" + escaped(each.summary) + "\n\n";
    others += (others.empty() ? "*dlock-" : ", *dlock-") + escaped(each.verb) + "*(1)";
  }
  return title("dlock") + section("NAME", "dlock - distributed locks on MongoDB\n") +
         section("SYNOPSIS", literal(synopsis)) +
         section("DESCRIPTION",
                 "dlock takes locks that processes on several hosts share. They are in a collection of a MongoDB "
                 "replica set.\n"
                 "Each verb has a page of its own:\n\n" +
                     list) +
         section("ENVIRONMENT", variables(verbs)) +
         section("EXAMPLES",
                 literal("dlock run nightly-report -- ./report.sh      # waits for the lock, runs, gives it back\n"
                         "dlock run -n nightly-report -- ./report.sh   # or not at all: 124 if it is taken\n"
                         "dlock ls                                     # who holds what, who waits\n")) +
         section("SEE ALSO", others + "\n");
}

}  // namespace dlock::cli
