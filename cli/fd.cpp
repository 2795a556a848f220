#include "fd.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "text.hpp"

namespace dlock::cli {

void fill_standard_streams() {
  int fd = 0;
  while ((fd = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0 && fd <= STDERR_FILENO) {
  }
  if (fd >= 0) close(fd);
}

void detach_streams(std::initializer_list<int> which) {
  const unique_fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return;
  for (const int fd : which) dup2(null.get(), fd);
}

void check_descriptors(std::size_t wanted) {
  std::vector<unique_fd> opened;
  while (opened.size() < wanted) {
    opened.emplace_back(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
    if (opened.back()) continue;
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    throw failure("too few file descriptors: " + std::to_string(opened.size() - 1) + " are free of the " +
                  std::to_string(limit.rlim_cur) + " that this process may have, and dlock needs " +
                  std::to_string(wanted) + "; raise the limit (ulimit -n)");
  }
}

std::vector<int> descriptors_from(int first) {
  std::vector<int> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/proc/self/fd"), &closedir);
  while (const dirent* const entry = directory ? readdir(directory.get()) : nullptr) {
    if (const int fd = std::atoi(entry->d_name); fd >= first && fd != dirfd(directory.get())) found.push_back(fd);
  }
  return found;
}

void close_from(int first) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, first, ~0U, 0) == 0) return;
#endif
  // For kernels before 5.9. /proc is better than the limit: the limit may have been lowered after descriptors were
  // opened.
  for (const int fd : descriptors_from(first)) close(fd);
}

}  // namespace dlock::cli
