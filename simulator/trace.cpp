#include "simulator/trace.hpp"

namespace dlock::simulator {

void trace::write(tick when, std::string_view who, const std::string& text) {
  constexpr tick kSecond = 1'000'000;
  char time[32];
  (void)std::snprintf(time, sizeof time, "%4lld.%06lld", static_cast<long long>(when / kSecond),
                      static_cast<long long>(when % kSecond));
  std::string line = time;
  line += "  ";
  line += who;
  if (who.size() < 8) line.append(8 - who.size(), ' ');
  line += ' ';
  line += text;
  line += '\n';
  for (const char c : line) sum_ = (sum_ ^ static_cast<unsigned char>(c)) * 0x100000001b3U;  // FNV-1a
  if (how_ == mode::print) (void)std::fwrite(line.data(), 1, line.size(), stdout);
}

}  // namespace dlock::simulator
