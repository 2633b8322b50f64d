#pragma once

#include <malloc.h>

/// sync_file_range of Linux. glibc's headers declare it only with its extensions, which Swift
/// lacks.
///
/// It has another name here, so that both never meet.
extern int cfiles_sync_file_range(int descriptor, long long offset, long long count, unsigned flags)
    __asm__("sync_file_range");

/// SYNC_FILE_RANGE_WRITE.
enum { cfiles_begin_writing = 2 };

/// renameat2 of Linux, in the same way.
extern int cfiles_rename(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
    __asm__("renameat2");

/// RENAME_NOREPLACE.
enum { cfiles_rename_no_replace = 1 };

/// Sets the size from which a freed block of memory goes back to the system at once.
///
/// Swift's Glibc module lacks <malloc.h>.
static inline void cfiles_return_large_blocks(int bytes) {
  mallopt(M_MMAP_THRESHOLD, bytes);
  mallopt(M_TRIM_THRESHOLD, bytes);
}

/// prctl of Linux, which is variadic.
extern int cfiles_prctl(int option, unsigned long argument) __asm__("prctl");

/// PR_SET_DUMPABLE.
enum { cfiles_set_dumpable = 4 };

/// When a file was created, in nanoseconds since 1970, by statx of Linux; 0 if the file system has
/// no such time.
extern long long cfiles_statx(int folder, const char *path, int flags, unsigned mask, void *status) __asm__("statx");

static inline long long cfiles_birth(const char *path) {
  // struct statx has 256 bytes, of which stx_mask begins at 0 and stx_btime at 80 (statx(2),
  // linux/stat.h).
  union { unsigned mask; long long words[32]; } status = {0};
  if (cfiles_statx(-100, path, 0, 0x800, &status) != 0 || !(status.mask & 0x800)) return 0;
  return status.words[10] * 1000000000LL + (unsigned)status.words[11];
}

/// A set of bits for each thread; Swift has no thread variables.
static inline unsigned *cfiles_held_locks(void) {
  static _Thread_local unsigned held = 0;
  return &held;
}

#include <semaphore.h>
#include <time.h>

/// sem_clockwait of glibc 2.30 and later, in the same way.
extern int cfiles_sem_clockwait(sem_t *semaphore, int clock, const struct timespec *end) __asm__("sem_clockwait");

#include <sys/statfs.h>
/// The number of the file system that a path is on; 0 if unknown.
static inline unsigned int cfiles_file_system(const char *path) {
  struct statfs status;
  return statfs(path, &status) == 0 ? (unsigned int)status.f_type : 0;
}

#include <malloc.h>
/// Returns free memory of the heap to the system.
static inline void cfiles_trim_heap(void) { malloc_trim(0); }
