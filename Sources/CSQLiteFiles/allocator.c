#include "CSQLiteFiles.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// SQLite's allocator for small blocks: one list of free blocks for each size, and nothing else. Compiling a statement
// takes and gives back twenty of them; Debian's library has no lookaside memory, and so the general allocator under it
// was a twelfth of the time of a script. In C because the allocator is a table of C functions, set by a variadic call.
//
// No lock where it matters: each thread has its lists, and a block goes to the lists of the thread that gives it back. What
// is too much for a list, and all that a thread has at its end, goes to lists that the threads share.
//
// A block is 16 bytes aligned and has room for 8 bytes more than a multiple of 16; the word before it says how much of
// that SQLite asked for, to the next multiple of 8. So SQLite's own counts of memory are those of its own allocator.

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

/// What all threads may take, and the key whose value has a thread leave what it has.
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static struct free_block *shared[sizes];
static struct slab_rest *shared_rests;
static pthread_key_t key;

static inline int rounded(int count) { return (count + 7) & ~7; }
/// Room in the block that holds so many bytes.
static inline int room(int count) { return count <= least ? least : ((count + word + step - 1) & -step) - word; }
static inline uint64_t *size_word(void *memory) { return (uint64_t *)((char *)memory - word); }
static inline struct list *list(int room) { return &lists[room / step]; }

/// Moves a list to the shared ones. With the lock held.
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

/// What is left of a slab becomes a free block, where it is not too much.
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

/// From now on the thread leaves what it has when it ends.
static void know(void) {
  is_known = 1;
  pthread_setspecific(key, lists);
}

/// Takes some of the shared blocks of a size; false where there are none.
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

/// Takes what an ended thread has left of a slab, or a new one; false where there is no memory.
static int take_slab(void) {
  pthread_mutex_lock(&shared_lock);
  struct slab_rest *found = shared_rests;
  if (found != 0) shared_rests = found->next;
  pthread_mutex_unlock(&shared_lock);
  char *slab = found == 0 ? malloc(slab_size) : 0;
  if (found == 0 && slab == 0) return 0;
  shelve_rest();
  // The words before the blocks lie 8 bytes before multiples of 16.
  rest = found != 0 ? (char *)found - word : slab + step - word;
  rest_end = found != 0 ? found->end : slab + slab_size - word;
  return 1;
}

/// Puts a block of this size into its list; false where there is no memory.
static int fill(int room) {
  if (!is_known) know();
  if (take_shared(list(room))) return 1;
  if (rest_end - rest < room + word && !take_slab()) return 0;
  shelve(rest + word, list(room));
  rest += room + word;
  return 1;
}

static void *allocate(int count) {
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

static void release(void *memory) {
  if (memory == 0) return;
  int size = room((int)*size_word(memory));
  if (size > greatest) {
    free((char *)memory - step);
    return;
  }
  struct list *to = list(size);
  if (to->first == 0 && !is_known) know();
  shelve(memory, to);
}

static void *resize(void *memory, int count) {
  int before = (int)*size_word(memory);
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
  void *copy = allocate(count);
  if (copy == 0) return 0;
  memcpy(copy, memory, (size_t)(before < count ? before : count));
  release(memory);
  return copy;
}

// SQLite asks for sizes that `size_to_ask` has rounded.
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

int csqlite_use_small_blocks(void) {
  // The sanitizer would not see what happens to blocks that never come back to malloc.
#if !defined(__SANITIZE_ADDRESS__) && !(defined(__has_feature) && __has_feature(address_sanitizer))
  const struct sqlite3_mem_methods *own = csqlite_small_blocks();
  return own == 0 ? SQLITE_OK : sqlite3_config(SQLITE_CONFIG_MALLOC, own);
#else
  return SQLITE_OK;
#endif
}
