#include "lines.hpp"

#include <map>

#include "reader.hpp"

namespace dlock::chaos {

history read(const lines& all) {
  std::map<std::string, std::vector<const json*>> files;
  for (const auto& line : all) files[line["p"].get<std::string>() + ".jsonl"].push_back(&line);
  reader r;
  for (const auto& [name, of_it] : files) {
    r.begin_file(name);
    for (const auto* line : of_it) r.take(line->dump(), false);
  }
  return std::move(r).finish();
}

std::string as_text(const lines& all) {
  std::string out;
  for (const auto& line : all) out += line.dump() + '\n';
  return out;
}

}  // namespace dlock::chaos
