// Command lines, one argument a line. The first byte of the input chooses the verb.
#include <string>
#include <vector>

#include "fuzz.hpp"
#include "text.hpp"
#include "verbs.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dlock::cli;
  if (size == 0) return 0;
  std::vector<std::string> words{{}};
  bool reads_file = false;
  for (const char c : as_text(data + 1, size - 1)) {
    if (c == '\0') return 0;  // no argument has one
    if (c == '\n') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  for (const auto& word : words) reads_file = reads_file || word.starts_with("--url-");  // no I/O here
  if (reads_file) return 0;
  try {
    switch (data[0] % 6) {
      case 0: {
        const auto o = parse_run(words);
        require(o.help || !o.ids.empty(), "run has a lock");
        break;
      }
      case 1:
        (void)parse_elect(words);
        break;
      case 2:
        (void)parse_ls(words);
        break;
      case 3:
        (void)parse_show(words);
        break;
      case 4:
        (void)parse_release(words);
        break;
      default:
        (void)parse_watch(words);
    }
  } catch (const failure& e) {
    require(*e.what() != '\0', "a refusal says why");
  }
  return 0;
}
