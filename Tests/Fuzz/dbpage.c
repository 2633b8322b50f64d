// A loadable extension with the part of sqlite_dbpage that sqlite3's .recover and .dbinfo need, and
// Debian's library lacks. It reads pages of the file through SQLite's own handle. It is for
// comparisons only.
#include <sqlite3ext.h>
#include <stdlib.h>
#include <string.h>
SQLITE_EXTENSION_INIT1

typedef struct {
  sqlite3_vtab base;
  sqlite3 *db;
} table;

typedef struct {
  sqlite3_vtab_cursor base;
  sqlite3_file *file;
  sqlite3_int64 page, last;
  int size;
  unsigned char *bytes;
} cursor;

static int connect(sqlite3 *db, void *context, int count, const char *const *words, sqlite3_vtab **out, char **error) {
  int code = sqlite3_declare_vtab(db, "CREATE TABLE x(pgno INTEGER PRIMARY KEY, data BLOB, schema HIDDEN)");
  if (code != SQLITE_OK) return code;
  table *made = calloc(1, sizeof *made);
  if (made == 0) return SQLITE_NOMEM;
  made->db = db;
  *out = &made->base;
  return SQLITE_OK;
}

static int disconnect(sqlite3_vtab *which) {
  free(which);
  return SQLITE_OK;
}

static int plan(sqlite3_vtab *which, sqlite3_index_info *info) {
  int next = 0;
  info->estimatedCost = 1e6;
  for (int column = 2; column >= 0; column -= 2) {
    for (int i = 0; i < info->nConstraint; i++) {
      const struct sqlite3_index_constraint *term = &info->aConstraint[i];
      int same = column == 2 ? term->iColumn == 2 : term->iColumn <= 0;
      if (!same || term->op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
      if (!term->usable) {
        if (column == 2) return SQLITE_CONSTRAINT;
        continue;
      }
      info->aConstraintUsage[i].argvIndex = ++next;
      info->aConstraintUsage[i].omit = 1;
      info->idxNum |= column == 2 ? 2 : 1;
      if (column == 0) info->estimatedCost = 1;
      break;
    }
  }
  return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *which, sqlite3_vtab_cursor **out) {
  cursor *made = calloc(1, sizeof *made);
  if (made == 0) return SQLITE_NOMEM;
  *out = &made->base;
  return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *which) {
  free(((cursor *)which)->bytes);
  free(which);
  return SQLITE_OK;
}

static int filter(sqlite3_vtab_cursor *which, int number, const char *text, int count, sqlite3_value **values) {
  cursor *at = (cursor *)which;
  sqlite3 *db = ((table *)which->pVtab)->db;
  int next = 0;
  const char *schema = "main";
  if (number & 2) schema = (const char *)sqlite3_value_text(values[next++]);
  if (schema == 0) schema = "main";
  at->page = 1;
  at->last = 0;
  at->file = 0;
  sqlite3_file_control(db, schema, SQLITE_FCNTL_FILE_POINTER, &at->file);
  if (at->file == 0 || at->file->pMethods == 0) return SQLITE_OK;
  sqlite3_int64 length = 0;
  at->file->pMethods->xFileSize(at->file, &length);
  char *sql = sqlite3_mprintf("PRAGMA \"%w\".page_size", schema);
  sqlite3_stmt *statement = 0;
  at->size = 0;
  if (sqlite3_prepare_v2(db, sql, -1, &statement, 0) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
    at->size = sqlite3_column_int(statement, 0);
  }
  sqlite3_finalize(statement);
  sqlite3_free(sql);
  if (at->size <= 0) return SQLITE_OK;
  at->last = length / at->size;
  free(at->bytes);
  at->bytes = malloc(at->size);
  if (at->bytes == 0) return SQLITE_NOMEM;
  if (number & 1) {
    sqlite3_int64 page = sqlite3_value_int64(values[next]);
    if (page < 1 || page > at->last) {
      at->last = 0;
    } else {
      at->page = at->last = page;
    }
  }
  return SQLITE_OK;
}

static int advance(sqlite3_vtab_cursor *which) {
  ((cursor *)which)->page++;
  return SQLITE_OK;
}

static int is_at_end(sqlite3_vtab_cursor *which) { return ((cursor *)which)->page > ((cursor *)which)->last; }

static int give(sqlite3_vtab_cursor *which, sqlite3_context *context, int column) {
  cursor *at = (cursor *)which;
  if (column == 0) sqlite3_result_int64(context, at->page);
  if (column == 1) {
    memset(at->bytes, 0, at->size);
    at->file->pMethods->xRead(at->file, at->bytes, at->size, (at->page - 1) * at->size);
    sqlite3_result_blob(context, at->bytes, at->size, SQLITE_TRANSIENT);
  }
  return SQLITE_OK;
}

static int give_row(sqlite3_vtab_cursor *which, sqlite3_int64 *row) {
  *row = ((cursor *)which)->page;
  return SQLITE_OK;
}

static sqlite3_module module = {
  .xConnect = connect, .xBestIndex = plan, .xDisconnect = disconnect, .xOpen = open_cursor, .xClose = close_cursor,
  .xFilter = filter, .xNext = advance, .xEof = is_at_end, .xColumn = give, .xRowid = give_row,
};

int sqlite3_dbpage_init(sqlite3 *db, char **error, const sqlite3_api_routines *api) {
  SQLITE_EXTENSION_INIT2(api);
  return sqlite3_create_module(db, "sqlite_dbpage", &module, 0);
}
