#include "CSQLiteFiles.h"

#include <malloc.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// SQLite's allocator for small blocks: one list of free blocks for each size, and nothing else. Compiling a statement
// takes and gives back twenty of them; Debian's library has no lookaside memory, and so the general allocator under it
// was a twelfth of the time of a script. In C because the allocator is a table of C functions, set by a variadic call.
//
// No lock: each thread has its lists, and a block goes to the lists of the thread that gives it back. What a thread has
// in its lists at its end is lost, so this is for programs whose few threads live long.
//
// A block is as with glibc: 16 bytes aligned, a word before it that says its size, sizes that are 8 more than a multiple
// of 16. So SQLite's own counts of memory come out the same as over glibc.

enum {
  word = 8,
  step = 16,
  least = 24,
  greatest = 4088,
  slab_size = 65536,
};

struct free_block { struct free_block *next; };

static __thread struct free_block *lists[greatest / step + 1];
static __thread char *rest;
static __thread char *rest_end;

static inline int usable(int count) { return count <= least ? least : ((count + word + step - 1) & -step) - word; }
static inline uint64_t *size_word(void *memory) { return (uint64_t *)((char *)memory - word); }
static inline struct free_block **list(uint64_t size) { return &lists[size / step]; }

/// What is left of a slab becomes a free block of its size.
static void shelve_rest(void) {
  if (rest_end - rest < least + word) return;
  uint64_t size = (uint64_t)(rest_end - rest) - word;
  struct free_block *block = (struct free_block *)(rest + word);
  *size_word(block) = size;
  block->next = *list(size);
  *list(size) = block;
}

static void *cut(int size) {
  if (rest_end - rest < size + word) {
    // The words before the blocks lie 8 bytes before multiples of 16.
    char *slab = malloc(slab_size);
    if (slab == 0) return 0;
    shelve_rest();
    rest = slab + step - word;
    rest_end = slab + slab_size - word;
  }
  void *memory = rest + word;
  *size_word(memory) = (uint64_t)size;
  rest += size + word;
  return memory;
}

static void *allocate_large(int size) {
  char *memory = malloc((size_t)size + step);
  if (memory == 0) return 0;
  memory += step;
  *size_word(memory) = (uint64_t)size;
  return memory;
}

static void *allocate(int count) {
  int size = usable(count);
  if (size > greatest) return allocate_large(size);
  struct free_block **from = list((uint64_t)size);
  struct free_block *block = *from;
  if (block == 0) return cut(size);
  *from = block->next;
  return block;
}

static void release(void *memory) {
  if (memory == 0) return;
  uint64_t size = *size_word(memory);
  if (size > greatest) {
    free((char *)memory - step);
    return;
  }
  struct free_block *block = memory;
  block->next = *list(size);
  *list(size) = block;
}

static void *resize(void *memory, int count) {
  uint64_t before = *size_word(memory);
  int size = usable(count);
  if ((uint64_t)size == before) return memory;
  if (before > greatest && size > greatest) {
    char *moved = realloc((char *)memory - step, (size_t)size + step);
    if (moved == 0) return 0;
    moved += step;
    *size_word(moved) = (uint64_t)size;
    return moved;
  }
  void *copy = allocate(count);
  if (copy == 0) return 0;
  memcpy(copy, memory, before < (uint64_t)count ? before : (size_t)count);
  release(memory);
  return copy;
}

static int size_of(void *memory) { return memory == 0 ? 0 : (int)*size_word(memory); }
static int rounded(int count) { return (count + 7) & ~7; }
static int begin(void *context) { return SQLITE_OK; }
static void end(void *context) {}

int csqlite_use_small_blocks(void) {
  // The sanitizer would not see what happens to blocks that never come back to malloc.
#if !defined(__SANITIZE_ADDRESS__) && !(defined(__has_feature) && __has_feature(address_sanitizer))
  static const sqlite3_mem_methods own = {allocate, release, resize, size_of, rounded, begin, end, 0};
  return sqlite3_config(SQLITE_CONFIG_MALLOC, &own);
#else
  return SQLITE_OK;
#endif
}
