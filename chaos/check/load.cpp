#include <algorithm>
#include <fstream>
#include <iterator>

#include "reader.hpp"

namespace dlock::chaos {
namespace {

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
  if (const auto config = directory / "config.json"; std::filesystem::exists(config)) r.take_config(contents(config));
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
  return std::move(r).finish();
}

}  // namespace dlock::chaos
