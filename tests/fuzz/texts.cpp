// Texts of others, and what is typed: lock ids, durations, numbers.
#include <cstring>

#include <dlock/text.hpp>

#include "fuzz.hpp"
#include "text.hpp"
#include "timestamp.hpp"
#include "values.hpp"

namespace {

void require_printable(std::string_view text) {
  for (const char c : text) {
    require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "no control character is printed");
  }
  require(dlock::printable(text) == text, "printing twice changes no more than once");
}

/// Takes it, or refuses it with a text that can be printed.
template <typename Parse>
void attempt(Parse parse) {
  try {
    parse();
  } catch (const dlock::cli::failure& e) {
    require(std::strlen(e.what()) != 0, "a refusal says why");
    require_printable(dlock::printable(e.what()));
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dlock::cli;
  const auto text = as_text(data, size);
  require_printable(dlock::printable(text));
  require_printable(in_quotes(text));
  require_printable(quoted_input(text));
  require_printable(name_of_client(text));
  attempt([&] { check_id(text); });
  for (const bool lax : {false, true}) {
    attempt([&] {
      const auto d = parse_duration("--wait", text, {.bare_seconds = lax, .zero = lax});
      require(d.count() >= (lax ? 0 : 1) && d <= std::chrono::hours(24 * 3653), "a duration is in its bounds");
      const auto again = parse_duration("--wait", std::to_string(d.count()) + "ms", {.zero = true});
      require(again == d, "a duration comes back");
    });
  }
  attempt([&] {
    const auto n = parse_number("--permits", std::string(text), "a number", 1, 1000);
    require(n >= 1 && n <= 1000, "a number is in its bounds");
  });
  if (size >= sizeof(std::int64_t)) {
    std::int64_t ticks = 0;
    std::memcpy(&ticks, data, sizeof ticks);
    const std::chrono::system_clock::duration since{ticks};
    require_printable(iso(std::chrono::system_clock::time_point{since}));
    require_printable(span(since));
  }
  return 0;
}
