#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace chaos {

enum class kind { mutex, shared, semaphore, election };

/// A lock of the run.
struct lock_spec {
  std::string id;
  kind what = kind::mutex;
  std::int64_t cap = 0;  // of a semaphore
};

/// As the history names it.
[[nodiscard]] const char* name_of(kind what);

/// m0,r0,s0:3,e0: what begins with m is a mutex, r a shared_mutex, s:N a semaphore of N, e an election. Throws
/// std::invalid_argument.
[[nodiscard]] std::vector<lock_spec> parse_locks(const std::string& text);

/// How one of them is wanted.
struct wish {
  const lock_spec* lock = nullptr;
  bool exclusive = true;
  std::int64_t weight = 0;  // 0: exclusive

  [[nodiscard]] const char* mode() const { return exclusive ? "x" : "s"; }
};

}  // namespace chaos
