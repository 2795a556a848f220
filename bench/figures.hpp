#pragma once

#include <string>

namespace bench {

/// Appends all figures to this file from now on, a line of JSON each.
void write_figures_to(const std::string& file);

/// One row of a report, for programs (bench/report.py). Nothing is written without write_figures_to().
class figure {
 public:
  explicit figure(const std::string& what) { (*this)("what", what); }
  figure(const figure&) = delete;
  figure& operator=(const figure&) = delete;
  ~figure();

  /// Neither key nor text may need an escape.
  figure& operator()(const char* key, double value);
  figure& operator()(const char* key, const std::string& text);

 private:
  std::string fields_;
};

}  // namespace bench
