#include "arguments.hpp"

#include <algorithm>

#include "text.hpp"

namespace dlock::cli {

namespace {

template <class Predicate>
const option& find(const std::vector<option>& options, const std::string& shown, Predicate matches) {
  const auto found = std::find_if(options.begin(), options.end(), matches);
  if (found == options.end()) throw failure("unknown option " + quoted(shown) + "; see 'dlock run --help'");
  return *found;
}

class parser {
 public:
  parser(const std::vector<option>& options, const std::vector<std::string>& arguments)
      : options_(options), next_(arguments.begin()), end_(arguments.end()) {}

  operands parse(std::size_t leading) {
    operands out;
    bool options_over = false;
    for (; next_ != end_; ++next_) {
      if (!options_over && *next_ == "--") {
        options_over = true;
        if (out.leading.size() < leading) continue;
        ++next_;
        break;
      }
      if (!options_over && next_->starts_with("--")) {
        take_long(*next_);
      } else if (!options_over && next_->starts_with('-') && next_->size() > 1) {
        take_letters(*next_);
      } else if (out.leading.size() < leading) {
        out.leading.push_back(*next_);
      } else {
        if (*next_ == "--") ++next_;  // `run -- job -- command`: the second one only separates
        break;
      }
    }
    out.rest.assign(next_, end_);
    return out;
  }

 private:
  void take_long(const std::string& word) {
    const std::size_t equals = word.find('=');
    const std::string shown = word.substr(0, equals);
    const std::string name = shown.substr(2);
    const option& o = find(options_, shown, [&](const option& each) {
      return each.name == name || (!each.alias.empty() && each.alias == name);
    });
    if (o.value.empty()) {
      if (equals != std::string::npos) throw failure("option " + quoted(shown) + " takes no value");
      o.take({});
    } else {
      o.take(equals != std::string::npos ? word.substr(equals + 1) : following(shown, o));
    }
  }

  void take_letters(const std::string& word) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      const std::string shown{'-', word[i]};
      const option& o = find(options_, shown, [&](const option& each) { return each.letter == word[i]; });
      if (o.value.empty()) {
        o.take({});
      } else {
        o.take(i + 1 < word.size() ? word.substr(i + 1) : following(shown, o));
        return;
      }
    }
  }

  const std::string& following(const std::string& shown, const option& o) {
    if (next_ + 1 == end_) throw failure("option " + quoted(shown) + " needs a value: " + std::string(o.value));
    return *++next_;
  }

  const std::vector<option>& options_;
  std::vector<std::string>::const_iterator next_;
  std::vector<std::string>::const_iterator end_;
};

}  // namespace

operands parse_arguments(const std::vector<option>& options, const std::vector<std::string>& arguments,
                         std::size_t leading) {
  return parser(options, arguments).parse(leading);
}

std::string describe(const std::vector<option>& options) {
  constexpr std::size_t column = 30;
  std::string out;
  for (const option& o : options) {
    std::string line = o.letter != 0 ? std::string("  -") + o.letter + ", --" : "      --";
    line += o.name;
    if (!o.alias.empty()) line += ", --" + std::string(o.alias);
    if (!o.value.empty()) line += " " + std::string(o.value);
    line += line.size() + 2 > column ? "\n" + std::string(column, ' ') : std::string(column - line.size(), ' ');
    for (const char c : o.help) line += c == '\n' ? "\n" + std::string(column, ' ') : std::string(1, c);
    out += line + "\n";
  }
  return out;
}

}  // namespace dlock::cli
