#pragma once

#include <cstdint>
#include <string>

#include "lock_spec.hpp"

namespace chaos {

/// Who acts, by which right.
struct credentials {
  std::string lock;
  std::int64_t token = 0;
  std::string id;
};

/// One thread's connection to the guarded resource.
class resource_link {
 public:
  /// `from`: the process, as the history names it. Does not connect yet.
  resource_link(std::string socket, std::string from) : socket_(std::move(socket)), from_(std::move(from)) {}
  resource_link(const resource_link&) = delete;
  resource_link& operator=(const resource_link&) = delete;
  ~resource_link();

  /// Each throws std::runtime_error if the resource cannot be reached: what was asked may have been done.
  [[nodiscard]] std::int64_t get(const credentials& by);
  void put(const credentials& by, std::int64_t n);
  void see(const credentials& by);
  void enter(const credentials& by, std::int64_t weight);
  void leave(const credentials& by, std::int64_t weight);

 private:
  [[nodiscard]] std::string ask(const std::string& request);
  [[nodiscard]] std::string signature(const credentials& by) const;
  void connect();
  void disconnect();

  std::string socket_;
  std::string from_;
  int fd_ = -1;
};

}  // namespace chaos
