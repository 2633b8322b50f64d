#include "CSQLiteFiles.h"

#include <sqlite3.h>
#include <stdio.h>

// SQLite's allocator with a line on standard error for each call. It is in C because the allocator
// is a table of C functions, set by a variadic call.

static sqlite3_mem_methods below;

static void *trace_allocate(int count) {
  if (count > 0) fprintf(stderr, "MEMTRACE: allocate %d bytes\n", below.xRoundup(count));
  return below.xMalloc(count);
}

static void trace_free(void *memory) {
  if (memory == 0) return;
  fprintf(stderr, "MEMTRACE: free %d bytes\n", below.xSize(memory));
  below.xFree(memory);
}

static void *trace_resize(void *memory, int count) {
  if (memory == 0) return trace_allocate(count);
  if (count <= 0) {
    trace_free(memory);
    return 0;
  }
  fprintf(stderr, "MEMTRACE: resize %d -> %d bytes\n", below.xSize(memory), below.xRoundup(count));
  return below.xRealloc(memory, count);
}

static int size_of(void *memory) { return below.xSize(memory); }
static int rounded(int count) { return below.xRoundup(count); }
static int begin(void *context) { return below.xInit(below.pAppData); }
static void end(void *context) { below.xShutdown(below.pAppData); }

int csqlite_trace_memory(void) {
  static sqlite3_mem_methods own = {trace_allocate, trace_free, trace_resize, size_of, rounded, begin, end, 0};
  if (below.xMalloc != 0) return SQLITE_OK;
  int code = sqlite3_config(SQLITE_CONFIG_GETMALLOC, &below);
  return code == SQLITE_OK ? sqlite3_config(SQLITE_CONFIG_MALLOC, &own) : code;
}
