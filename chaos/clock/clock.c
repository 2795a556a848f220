/* LD_PRELOAD this to shift CLOCK_REALTIME, and no other clock, by the 8 bytes (nanoseconds, native order) at the start
 * of the file that DLOCK_CHAOS_CLOCK names. Whoever writes there makes the clock jump at once.
 *
 * Waits until a moment of the wall clock are translated: they last as long as the caller meant when it called. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { billion = 1000000000 };

static int (*real_clock_gettime)(clockid_t, struct timespec*);
static const _Atomic int64_t* offset; /* NULL: no file, no shift */

__attribute__((constructor)) static void begin(void) {
  real_clock_gettime = (int (*)(clockid_t, struct timespec*))dlsym(RTLD_NEXT, "clock_gettime");
  const char* path = getenv("DLOCK_CHAOS_CLOCK");
  const int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  void* at = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (at != MAP_FAILED) offset = at;
}

static int64_t shift(void) {
  return offset == NULL ? 0 : atomic_load_explicit(offset, memory_order_relaxed);
}

static struct timespec plus(struct timespec t, int64_t nanoseconds) {
  t.tv_sec += nanoseconds / billion;
  t.tv_nsec += nanoseconds % billion;
  if (t.tv_nsec >= billion) {
    t.tv_nsec -= billion;
    ++t.tv_sec;
  } else if (t.tv_nsec < 0) {
    t.tv_nsec += billion;
    --t.tv_sec;
  }
  return t;
}

/* Before our constructor has run, other libraries' constructors may ask. */
static int unshifted(clockid_t clock, struct timespec* t) {
  return real_clock_gettime != NULL ? real_clock_gettime(clock, t) : (int)syscall(SYS_clock_gettime, clock, t);
}

int clock_gettime(clockid_t clock, struct timespec* t) {
  const int status = unshifted(clock, t);
  if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) *t = plus(*t, shift());
  return status;
}

int gettimeofday(struct timeval* restrict t, void* restrict zone) {
  (void)zone;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  t->tv_sec = now.tv_sec;
  t->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* t) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (t != NULL) *t = now.tv_sec;
  return now.tv_sec;
}

/* A moment of the shifted wall clock, on CLOCK_MONOTONIC. */
static struct timespec translated(const struct timespec* moment) {
  struct timespec wall, monotonic;
  clock_gettime(CLOCK_REALTIME, &wall);
  unshifted(CLOCK_MONOTONIC, &monotonic);
  const int64_t seconds = moment->tv_sec - wall.tv_sec;
  const int64_t longest = INT64_C(100) * 365 * 86400; /* "for ever" would overflow */
  if (seconds > longest) return plus(monotonic, longest * billion);
  if (seconds < 0) return monotonic;
  return plus(monotonic, seconds * billion + (moment->tv_nsec - wall.tv_nsec));
}

int pthread_cond_timedwait(pthread_cond_t* restrict condition, pthread_mutex_t* restrict mutex,
                           const struct timespec* restrict moment) {
  enum { monotonic_bit = 2 }; /* glibc's note of pthread_condattr_setclock(CLOCK_MONOTONIC) */
  const int is_monotonic = (condition->__data.__wrefs & monotonic_bit) != 0;
  const struct timespec until = is_monotonic ? *moment : translated(moment);
  return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &until);
}

int pthread_mutex_timedlock(pthread_mutex_t* restrict mutex, const struct timespec* restrict moment) {
  const struct timespec until = translated(moment);
  return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &until);
}

int sem_timedwait(sem_t* restrict semaphore, const struct timespec* restrict moment) {
  const struct timespec until = translated(moment);
  return sem_clockwait(semaphore, CLOCK_MONOTONIC, &until);
}
