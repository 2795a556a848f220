#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace bench {

/// 0 if `v` is empty.
[[nodiscard]] inline double median(std::vector<double> v) {
  if (v.empty()) return 0;
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

/// The value below which so much of `v` lies. 0 if `v` is empty.
[[nodiscard]] inline double quantile(std::vector<double> v, double part) {
  if (v.empty()) return 0;
  std::sort(v.begin(), v.end());
  return v[std::min(static_cast<std::size_t>(static_cast<double>(v.size()) * part), v.size() - 1)];
}

}  // namespace bench
