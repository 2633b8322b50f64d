// A page cache around SQLite's own, with a line on standard error for each request.
#include "CSQLiteFiles.h"
#include <sqlite3.h>
#include <stdio.h>

static sqlite3_pcache_methods2 inner;

#define SAY(...) fprintf(stderr, "PCACHETRACE: " __VA_ARGS__)

static int initialize(void *context) {
  SAY("xInit(%p)\n", context);
  int code = inner.xInit(context);
  SAY("xInit(%p) -> %d\n", context, code);
  return code;
}
static void end(void *context) {
  SAY("xShutdown(%p)\n", context);
  inner.xShutdown(context);
}
static sqlite3_pcache *create(int page, int extra, int purgeable) {
  SAY("xCreate(%d,%d,%d)\n", page, extra, purgeable);
  sqlite3_pcache *made = inner.xCreate(page, extra, purgeable);
  SAY("xCreate(%d,%d,%d) -> %p\n", page, extra, purgeable, (void *)made);
  return made;
}
static void resize(sqlite3_pcache *cache, int size) {
  SAY("xCachesize(%p, %d)\n", (void *)cache, size);
  inner.xCachesize(cache, size);
}
static int count(sqlite3_pcache *cache) {
  SAY("xPagecount(%p)\n", (void *)cache);
  int pages = inner.xPagecount(cache);
  SAY("xPagecount(%p) -> %d\n", (void *)cache, pages);
  return pages;
}
static sqlite3_pcache_page *fetch(sqlite3_pcache *cache, unsigned key, int creates) {
  SAY("xFetch(%p,%u,%d)\n", (void *)cache, key, creates);
  sqlite3_pcache_page *page = inner.xFetch(cache, key, creates);
  SAY("xFetch(%p,%u,%d) -> %p\n", (void *)cache, key, creates, (void *)page);
  return page;
}
static void unpin(sqlite3_pcache *cache, sqlite3_pcache_page *page, int discards) {
  SAY("xUnpin(%p, %p, %d)\n", (void *)cache, (void *)page, discards);
  inner.xUnpin(cache, page, discards);
}
static void rekey(sqlite3_pcache *cache, sqlite3_pcache_page *page, unsigned from, unsigned to) {
  SAY("xRekey(%p, %p, %u, %u)\n", (void *)cache, (void *)page, from, to);
  inner.xRekey(cache, page, from, to);
}
static void truncate_cache(sqlite3_pcache *cache, unsigned limit) {
  SAY("xTruncate(%p, %u)\n", (void *)cache, limit);
  inner.xTruncate(cache, limit);
}
static void destroy(sqlite3_pcache *cache) {
  SAY("xDestroy(%p)\n", (void *)cache);
  inner.xDestroy(cache);
}
static void shrink(sqlite3_pcache *cache) {
  SAY("xShrink(%p)\n", (void *)cache);
  inner.xShrink(cache);
}

int csqlite_trace_pages(void) {
  int code = sqlite3_config(SQLITE_CONFIG_GETPCACHE2, &inner);
  if (code != SQLITE_OK || inner.xInit == initialize) return code;
  sqlite3_pcache_methods2 own = {inner.iVersion, inner.pArg, initialize, end,   create,         resize,  count,
                                 fetch,          unpin,      rekey,      truncate_cache, destroy, shrink};
  return sqlite3_config(SQLITE_CONFIG_PCACHE2, &own);
}
