#include "CSQLiteFiles.h"

#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// SQLite's allocator for small blocks: one list of free blocks for each size, and nothing else.
// Compiling a statement allocates and frees twenty blocks. Debian's library has no lookaside
// memory, so the general allocator took a twelfth of the time of a script. It is in C because the
// allocator is a table of C functions, set by a variadic call.
//
// There is no lock on the fast path. Each thread has its lists, and a freed block goes to the lists
// of the thread that frees it. Blocks that exceed a list, and all blocks of a thread that ends, go
// to lists that the threads share.
//
// It counts memory like SQLite (https://www.sqlite.org/c3ref/c_status_malloc_count.html), and
// enforces SQLite's hard limit. SQLite's own counters are behind a mutex, fifty times for a
// statement, a fifth of the time of a script. The thread that set it up, which runs the shell's
// statements, counts without atomic instructions.
//
// A block is aligned to 16 bytes and has 8 bytes more than a multiple of 16. The word before it
// holds the requested size, rounded up to a multiple of 8. So SQLite's own counts of memory are
// those of its own allocator.

enum {
  word = 8,
  step = 16,
  least = 24,
  greatest = 4088,
  slab_size = 32768,
  most = 128,
  sizes = greatest / step + 1,
};

struct free_block { struct free_block *next; };
struct slab_rest { struct slab_rest *next; char *end; };

struct list { struct free_block *first; int count; };
static __thread struct list lists[sizes];
static __thread char *rest;
static __thread char *rest_end;
static __thread int is_known;

/// The limit for all threads, and the key whose value makes a thread release its blocks at its end.
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static struct free_block *shared[sizes];
static struct slab_rest *shared_rests;
static pthread_key_t key;

/// The bytes of the thread that set it up; only that thread writes them, and the mark.
static __thread int is_counter;
static struct csqlite_memory counted;
/// The number of bytes at which a new maximum or the limit must be checked.
static long long mark;
/// The bytes of all other threads.
static long long others_used, others_number;
/// The limit for all together.
static long long limit = LLONG_MAX;

#define relaxed(value) __atomic_load_n(&(value), __ATOMIC_RELAXED)
static inline void set(long long *value, long long to) { __atomic_store_n(value, to, __ATOMIC_RELAXED); }

/// Checks the limit before the thread's count rises to this number; false if it is exceeded.
static __attribute__((noinline)) int pass_mark(long long used) {
  long long all = used + relaxed(others_used);
  if (all >= relaxed(limit)) return 0;
  if (all > counted.most_used) counted.most_used = all;
  mark = used;
  return 1;
}

/// Counts a block of this size; false if the limit is exceeded.
static inline int count_block(int bytes) {
  if (__builtin_expect(!is_counter, 0)) {
    long long all = __atomic_add_fetch(&others_used, bytes, __ATOMIC_RELAXED) + relaxed(counted.used);
    __atomic_fetch_add(&others_number, 1, __ATOMIC_RELAXED);
    return all < relaxed(limit);
  }
  long long used = counted.used + bytes;
  long long number = counted.number + 1;
  set(&counted.used, used);
  set(&counted.number, number);
  if (number > counted.most_number) counted.most_number = number;
  return __builtin_expect(used <= mark, 1) || pass_mark(used);
}

static inline void uncount_block(int bytes) {
  if (__builtin_expect(!is_counter, 0)) {
    __atomic_fetch_sub(&others_used, bytes, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&others_number, 1, __ATOMIC_RELAXED);
    return;
  }
  set(&counted.used, counted.used - bytes);
  set(&counted.number, counted.number - 1);
}

static inline int rounded(int count) { return (count + 7) & ~7; }
/// The usable size of the block for this number of bytes.
static inline int room(int count) { return count <= least ? least : ((count + word + step - 1) & -step) - word; }
static inline uint64_t *size_word(void *memory) { return (uint64_t *)((char *)memory - word); }
static inline struct list *list(int room) { return &lists[room / step]; }

/// Moves a list to the shared ones.
///
/// Call it with the lock held.
static void share(struct list *from) {
  struct free_block *last = from->first;
  if (last == 0) return;
  while (last->next != 0) last = last->next;
  struct free_block **to = &shared[from - lists];
  last->next = *to;
  __atomic_store_n(to, from->first, __ATOMIC_RELAXED);
  from->first = 0;
  from->count = 0;
}

static void shelve(void *memory, struct list *to) {
  if (to->count == most) {
    pthread_mutex_lock(&shared_lock);
    share(to);
    pthread_mutex_unlock(&shared_lock);
  }
  struct free_block *block = memory;
  block->next = to->first;
  to->first = block;
  to->count++;
}

/// The rest of a slab becomes a free block, if it is not too much.
static void shelve_rest(void) {
  ptrdiff_t size = rest_end - rest;
  if (size > greatest + word) return;
  if (size >= least + word) shelve(rest + word, list((int)size - word));
  rest = rest_end = 0;
}

/// Called when a thread ends.
static void leave_all(void *value) {
  shelve_rest();
  pthread_mutex_lock(&shared_lock);
  if (rest != 0) {
    struct slab_rest *slab = (struct slab_rest *)(rest + word);
    slab->next = shared_rests;
    slab->end = rest_end;
    shared_rests = slab;
    rest = rest_end = 0;
  }
  for (int at = 0; at < sizes; at++) share(&lists[at]);
  pthread_mutex_unlock(&shared_lock);
  is_known = 0;
}

/// From now on the thread's blocks become shared when it ends.
static void know(void) {
  is_known = 1;
  pthread_setspecific(key, lists);
}

/// Takes some of the shared blocks of a size; false if there are none.
static int take_shared(struct list *to) {
  struct free_block **from = &shared[to - lists];
  if (__atomic_load_n(from, __ATOMIC_RELAXED) == 0) return 0;
  pthread_mutex_lock(&shared_lock);
  struct free_block *last = *from;
  if (last != 0) {
    to->first = last;
    for (to->count = 1; to->count < most / 4 && last->next != 0; to->count++) last = last->next;
    __atomic_store_n(from, last->next, __ATOMIC_RELAXED);
    last->next = 0;
  }
  pthread_mutex_unlock(&shared_lock);
  return to->first != 0;
}

/// Takes the rest of an ended thread's slab, or a new slab; false if there is no memory.
static int take_slab(void) {
  pthread_mutex_lock(&shared_lock);
  struct slab_rest *found = shared_rests;
  if (found != 0) shared_rests = found->next;
  pthread_mutex_unlock(&shared_lock);
  char *slab = found == 0 ? malloc(slab_size) : 0;
  if (found == 0 && slab == 0) return 0;
  shelve_rest();
  // The words before the blocks are 8 bytes before multiples of 16.
  rest = found != 0 ? (char *)found - word : slab + step - word;
  rest_end = found != 0 ? found->end : slab + slab_size - word;
  return 1;
}

/// Puts a block of this size into its list; false if there is no memory.
static int fill(int room) {
  if (!is_known) know();
  if (take_shared(list(room))) return 1;
  if (rest_end - rest < room + word && !take_slab()) return 0;
  shelve(rest + word, list(room));
  rest += room + word;
  return 1;
}

/// Allocates this number of bytes, a multiple of 8, without counting.
static void *take_block(int count) {
  int size = room(count);
  char *memory;
  if (size > greatest) {
    memory = malloc((size_t)count + step);
    if (memory == 0) return 0;
    memory += step;
  } else {
    struct list *from = list(size);
    if (from->first == 0 && !fill(size)) return 0;
    memory = (char *)from->first;
    from->first = from->first->next;
    from->count--;
  }
  *size_word(memory) = (uint64_t)count;
  return memory;
}

static void give_block(void *memory) {
  int size = room((int)*size_word(memory));
  if (size > greatest) {
    free((char *)memory - step);
    return;
  }
  struct list *to = list(size);
  if (to->first == 0 && !is_known) know();
  shelve(memory, to);
}

/// Like `realloc`, without counting.
static void *move_block(void *memory, int before, int count) {
  if (room(count) == room(before)) {
    *size_word(memory) = (uint64_t)count;
    return memory;
  }
  if (room(before) > greatest && room(count) > greatest) {
    char *moved = realloc((char *)memory - step, (size_t)count + step);
    if (moved == 0) return 0;
    moved += step;
    *size_word(moved) = (uint64_t)count;
    return moved;
  }
  void *copy = take_block(count);
  if (copy == 0) return 0;
  memcpy(copy, memory, (size_t)(before < count ? before : count));
  give_block(memory);
  return copy;
}

/// Like `allocate`, without a limit.
static __attribute__((noinline)) void *allocate_slowly(int count) {
  int size = rounded(count);
  if (!count_block(size)) {
    uncount_block(size);
    return 0;
  }
  void *memory = take_block(size);
  if (size > greatest && is_counter && count > counted.largest) counted.largest = count;
  if (memory == 0) uncount_block(size);
  return memory;
}

static void *allocate(int count) {
  int size = rounded(count);
  if (__builtin_expect(!is_counter || size > greatest, 0)) return allocate_slowly(count);
  struct list *from = list(room(size));
  struct free_block *block = from->first;
  long long used = counted.used + size;
  if (__builtin_expect(block == 0 || used > mark, 0)) return allocate_slowly(count);
  from->first = block->next;
  from->count--;
  set(&counted.used, used);
  long long number = counted.number + 1;
  set(&counted.number, number);
  if (number > counted.most_number) counted.most_number = number;
  *size_word(block) = (uint64_t)size;
  return block;
}

static __attribute__((noinline)) void release_slowly(void *memory) {
  uncount_block((int)*size_word(memory));
  give_block(memory);
}

static void release(void *memory) {
  if (memory == 0) return;
  int size = (int)*size_word(memory);
  if (__builtin_expect(!is_counter || size > greatest, 0)) return release_slowly(memory);
  struct list *to = list(room(size));
  struct free_block *block = memory;
  if (__builtin_expect(to->first == 0 || to->count == most, 0)) return release_slowly(memory);
  block->next = to->first;
  to->first = block;
  to->count++;
  set(&counted.used, counted.used - size);
  set(&counted.number, counted.number - 1);
}

static void *resize(void *memory, int count) {
  int before = (int)*size_word(memory);
  int after = rounded(count);
  uncount_block(before);
  void *moved = count_block(after) ? move_block(memory, before, after) : 0;
  if (moved == 0) {
    uncount_block(after);
    count_block(before);
  } else if (after > greatest && is_counter && count > counted.largest) {
    counted.largest = count;
  }
  return moved;
}

static int size_of(void *memory) { return memory == 0 ? 0 : (int)*size_word(memory); }
static int size_to_ask(int count) { return rounded(count); }
static int begin(void *context) { return SQLITE_OK; }
static void end(void *context) {}

static int has_key;
static void make_key(void) { has_key = pthread_key_create(&key, leave_all) == 0; }

const struct sqlite3_mem_methods *csqlite_small_blocks(void) {
  static const sqlite3_mem_methods own = {allocate, release, resize, size_of, size_to_ask, begin, end, 0};
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, make_key);
  return has_key ? &own : 0;
}

static int has_counters;

bool csqlite_count_memory(struct csqlite_memory *out) {
  if (!has_counters) return false;
  *out = counted;
  out->used += relaxed(others_used);
  out->number += relaxed(others_number);
  if (out->used > out->most_used) out->most_used = out->used;
  if (out->number > out->most_number) out->most_number = out->number;
  return true;
}

void csqlite_keep_to_heap_limit(void) {
  long long bytes = sqlite3_hard_heap_limit64(-1);
  set(&limit, bytes > 0 ? bytes : LLONG_MAX);
  // The next block of the shell's thread checks the limit.
  if (is_counter && bytes > 0) mark = 0;
}

void csqlite_count_here(void) { has_counters = is_counter = 1; }

int csqlite_use_small_blocks(void) {
  // The sanitizer would not see blocks that never return to malloc.
#if !defined(__SANITIZE_ADDRESS__) && !(defined(__has_feature) && __has_feature(address_sanitizer))
  const struct sqlite3_mem_methods *own = csqlite_small_blocks();
  if (own == 0 || sqlite3_config(SQLITE_CONFIG_MALLOC, own) != SQLITE_OK) return SQLITE_OK;
  csqlite_count_here();
  return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
#else
  return SQLITE_OK;
#endif
}
