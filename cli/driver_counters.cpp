// The driver keeps counters in a file of /dev/shm, from the moment it is loaded, that is before main. A process that is
// killed leaves it there, and when a later one finds the file of its number, or may not write there, the driver says so
// on stderr. Nobody looks at the counters of a lock's command: they get memory without a name. The driver asks the
// program's shm_open before the C library's, as any dynamic linker has it.

#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <cerrno>
#include <string_view>

extern "C" [[gnu::visibility("default")]] int shm_open(const char* name, int flags, mode_t mode) {
  if (std::string_view(name).starts_with("/mongoc-")) return memfd_create("mongoc", MFD_CLOEXEC);
  using function = int (*)(const char*, int, mode_t);
  const auto next = reinterpret_cast<function>(dlsym(RTLD_NEXT, "shm_open"));
  if (next != nullptr) return next(name, flags, mode);
  errno = ENOSYS;
  return -1;
}
