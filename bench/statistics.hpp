#pragma once

#include <algorithm>
#include <vector>

namespace bench {

/// 0 if `v` is empty.
[[nodiscard]] inline double median(std::vector<double> v) {
  if (v.empty()) return 0;
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

}  // namespace bench
