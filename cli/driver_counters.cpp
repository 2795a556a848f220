// The driver keeps counters in a file in /dev/shm from the moment it is loaded, which is before main. A process that is
// killed leaves this file there. If a later process finds a file with its own number, or may not write there, the
// driver prints a message on stderr. Nobody reads the counters of this command. So they get memory without a name: the
// driver finds the program's shm_open before the one in the C library, as every dynamic linker does it.

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
