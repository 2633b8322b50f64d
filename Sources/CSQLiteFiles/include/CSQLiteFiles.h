#pragma once

#include <stdbool.h>
#include <time.h>

#pragma clang assume_nonnull begin

/// The time that a thread's current statement gets, and the things outside of the database that it
/// uses.
///
/// It is in C because Swift has no thread variables.
struct csqlite_surroundings {
  /// The time in milliseconds of the Julian day; 0 for none yet.
  long long time;
  /// Whether the statement gets one time from beginning to end.
  bool keeps_one_time;
  /// Whether it used local time.
  bool asked_zone;
  /// The counter of the thread's waits for locks; null if there is none.
  void *_Nullable waits;
};

extern _Thread_local struct csqlite_surroundings csqlite_surroundings_here;

/// Whether local time is set to fail.
extern bool csqlite_zone_fails;
static inline bool csqlite_is_zone_failing(void) { return __atomic_load_n(&csqlite_zone_fails, __ATOMIC_RELAXED); }
static inline void csqlite_set_zone_failing(bool fails) {
  __atomic_store_n(&csqlite_zone_fails, fails, __ATOMIC_RELAXED);
}

/// Those of the calling thread.
static inline struct csqlite_surroundings *csqlite_surroundings(void) { return &csqlite_surroundings_here; }

/// A counter that rises evenly, alike on all processors, and costs less to read than the clock: the
/// processor's own if programs may read it, else nanoseconds of the monotonic clock.
///
/// It is in C because Swift has no such instruction.
static inline unsigned long long csqlite_ticks(void) {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  unsigned long long ticks;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (unsigned long long)now.tv_sec * 1000000000ull + (unsigned long long)now.tv_nsec;
#endif
}

/// Registers the file system `apndvfs`: databases at the end of another file. Safe to call again.
int csqlite_register_appended_files(void);

/// Whether a file holds a database after other content; uses SQLite's own file system, so that no
/// lock is dropped.
int csqlite_holds_appended_database(const char *path);

/// Whether a file ends like a ZIP archive and is no database; uses SQLite's own file system.
int csqlite_holds_archive(const char *path);

/// The length of a file; -1 if it cannot be opened.
///
/// Uses SQLite's own file system.
long long csqlite_file_length(const char *path);

/// Reads a whole file into memory of sqlite3_malloc64; NULL if it is empty or cannot be read.
void *_Nullable csqlite_read_file(const char *path, long long *count);

/// Writes a line to standard error for each allocation from now on; the library must not be in use
/// yet.
int csqlite_trace_memory(void);

/// Writes a line to standard error for each request to the page cache from now on; the library must
/// not be in use yet.
int csqlite_trace_pages(void);

struct sqlite3_stmt;
/// Like sqlite3_stmt_explain, which libraries before 3.43 lack: SQLITE_ERROR in these.
int csqlite_stmt_explain(struct sqlite3_stmt *statement, int level);

/// An allocator for SQLite that keeps small blocks of memory in lists; NULL if there is none.
struct sqlite3_mem_methods;
const struct sqlite3_mem_methods *_Nullable csqlite_small_blocks(void);

/// Makes SQLite keep small blocks of memory in lists, and count none of them; the library must not
/// be in use yet.
///
/// Call it on the thread that uses SQLite most.
int csqlite_use_small_blocks(void);

/// SQLite's memory: bytes, blocks, the maximum of both, and the largest request.
struct csqlite_memory { long long used, most_used, number, most_number, largest; };

/// False if SQLite counts itself. It may miss memory that other threads take at the same time.
bool csqlite_count_memory(struct csqlite_memory *memory);

/// From now on the calling thread counts its memory without atomic instructions; only one thread
/// may do so.
void csqlite_count_here(void);

/// From now on SQLite's allocations fail if they exceed the limit of `PRAGMA hard_heap_limit`.
void csqlite_keep_to_heap_limit(void);

#pragma clang assume_nonnull end
