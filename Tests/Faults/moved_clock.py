"""Moves the clocks of a process: a small preloaded library adds offsets from a file to the clocks of libc."""

import struct, subprocess

LIBRARY = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
static volatile long long *offsets(void) {
  static volatile long long *at;
  if (!at) {
    int file = open(getenv("CLOCK_OFFSET"), O_RDONLY);
    at = mmap(0, 16, PROT_READ, MAP_SHARED, file, 0);
  }
  return at;
}
int clock_gettime(clockid_t clock, struct timespec *time) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(clock, time);
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) time->tv_sec += offsets()[0];
  if (clock == CLOCK_BOOTTIME) time->tv_sec += offsets()[1];
  return result;
}
int gettimeofday(struct timeval *restrict value, void *restrict zone) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  value->tv_sec = now.tv_sec;
  value->tv_usec = now.tv_nsec / 1000;
  return 0;
}
time_t time(time_t *place) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (place) *place = now.tv_sec;
  return now.tv_sec;
}
// The kernel waits by its own clock, so the offset must be subtracted.
int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until) {
  static int (*real)(sem_t *, const struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "sem_timedwait");
  struct timespec moment = {until->tv_sec - offsets()[0], until->tv_nsec};
  return real(semaphore, &moment);
}
"""


def build(folder):
    """Compiles the library; returns its path."""
    path = f"{folder}/clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-x", "c", "-", "-o", path, "-ldl"], input=LIBRARY.encode(), check=True)
    return path


class MovedClock:
    """Holds the clock offsets of one machine's processes. `environment` makes a process read them."""

    def __init__(self, library, path):
        self.path, self.ahead, self.slept = path, 0, 0
        self.environment = {"LD_PRELOAD": library, "CLOCK_OFFSET": path}
        with open(path, "wb") as file:
            file.write(bytes(16))

    def jump(self, seconds):
        """Sets the time of day to this many seconds ahead of the correct time."""
        self.ahead = seconds
        self.write()

    def sleep(self, seconds):
        """Moves the time since boot forward, as if the machine had been suspended."""
        self.slept += seconds
        self.write()

    def write(self):
        with open(self.path, "r+b") as file:
            file.write(struct.pack("qq", self.ahead, self.slept))
