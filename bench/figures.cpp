#include "figures.hpp"

#include <fstream>

namespace bench {
namespace {

std::string& file() {
  static std::string name;
  return name;
}

}  // namespace

void write_figures_to(const std::string& name) {
  file() = name;
}

figure::~figure() {
  if (file().empty()) return;
  std::ofstream out(file(), std::ios::app);
  out << "{" << fields_ << "}\n";
}

figure& figure::operator()(const char* key, double value) {
  fields_ += (fields_.empty() ? "\"" : ", \"") + std::string(key) + "\": " + std::to_string(value);
  return *this;
}

figure& figure::operator()(const char* key, const std::string& text) {
  fields_ += (fields_.empty() ? "\"" : ", \"") + std::string(key) + "\": \"" + text + "\"";
  return *this;
}

}  // namespace bench
