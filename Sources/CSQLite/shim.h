#pragma once
// Debian's library has both; the header shows them on request.
#define SQLITE_ENABLE_SESSION
#define SQLITE_ENABLE_PREUPDATE_HOOK
#include <sqlite3.h>
#include <stdio.h>

// Each function here does what Swift cannot: variadic calls, sentinel pointers, C macros.

/// Copies the bytes before returning: SQLITE_TRANSIENT is a cast that Swift does not import.
static inline int csqlite_bind_text(sqlite3_stmt *statement, int index, const char *bytes, sqlite3_uint64 count) {
  return sqlite3_bind_text64(statement, index, bytes, count, SQLITE_TRANSIENT, SQLITE_UTF8);
}

/// Copies the bytes before returning, like csqlite_bind_text.
static inline int csqlite_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, sqlite3_uint64 count) {
  return count == 0 ? sqlite3_bind_zeroblob(statement, index, 0)
                    : sqlite3_bind_blob64(statement, index, bytes, count, SQLITE_TRANSIENT);
}

/// Sets or reads a boolean setting: sqlite3_db_config is variadic. value < 0 only reads.
static inline int csqlite_db_config(sqlite3 *db, int op, int value, int *now) {
  return sqlite3_db_config(db, op, value, now);
}

/// Sets the lookaside memory of a connection: sqlite3_db_config is variadic.
static inline int csqlite_db_lookaside(sqlite3 *db, int size, int count) {
  return sqlite3_db_config(db, SQLITE_DBCONFIG_LOOKASIDE, NULL, size, count);
}

/// Sets a global option that takes one int: sqlite3_config is variadic.
static inline int csqlite_config_pointer(int op, void *value) { return sqlite3_config(op, value); }
static inline int csqlite_config_int(int op, int value) { return sqlite3_config(op, value); }

/// Formats with SQLite's own printf ("%!.20g" and friends): sqlite3_snprintf is variadic.
static inline void csqlite_format_double(int size, char *out, const char *format, double value) {
  sqlite3_snprintf(size, out, format, value);
}

/// Turns a configuration switch on or off through the variadic sqlite3_vtab_config-free path for
/// extensions.
static inline int csqlite_enable_load_extension(sqlite3 *db, int on) {
  return sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, on, NULL);
}

/// Reads a database file through SQLite's own handle, so that no descriptor of ours is ever closed
/// on it.
static inline int csqlite_file_read(sqlite3 *db, const char *schema, void *into, int count, sqlite3_int64 offset) {
  sqlite3_file *file = NULL;
  int rc = sqlite3_file_control(db, schema, SQLITE_FCNTL_FILE_POINTER, &file);
  if (rc != SQLITE_OK) return rc;
  if (file == NULL || file->pMethods == NULL) return SQLITE_CANTOPEN;
  return file->pMethods->xRead(file, into, count, offset);
}

/// Size of a database file through SQLite's own handle.
static inline int csqlite_file_size(sqlite3 *db, const char *schema, sqlite3_int64 *size) {
  sqlite3_file *file = NULL;
  int rc = sqlite3_file_control(db, schema, SQLITE_FCNTL_FILE_POINTER, &file);
  if (rc != SQLITE_OK) return rc;
  if (file == NULL || file->pMethods == NULL) { *size = 0; return SQLITE_OK; }
  return file->pMethods->xFileSize(file, size);
}

/// Reads the head of the log's index through SQLite's own mapping of it: the log's salts, how many
/// of its frames are committed, and how many of those are copied into the database file.
///
/// Returns 1 on success, 0 if there is no index, and -1 if a process is changing it or was killed
/// while it did. Swift has no volatile reads of memory that other processes write.
static inline int csqlite_log_index(sqlite3 *db, const char *schema, unsigned int salts[2], unsigned int *frames,
                                    unsigned int *copied) {
  sqlite3_file *file = NULL;
  volatile void *map = NULL;
  if (sqlite3_file_control(db, schema, SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || file == NULL) return 0;
  if (file->pMethods == NULL || file->pMethods->iVersion < 2 || file->pMethods->xShmMap == NULL) return 0;
  if (file->pMethods->xShmMap(file, 0, 32768, 0, &map) != SQLITE_OK || map == NULL) return 0;
  for (int attempt = 0; attempt < 1000; attempt++) {
    const volatile unsigned int *words = (const volatile unsigned int *)map;
    unsigned int first[12];
    int is_same = 1;
    for (int i = 0; i < 12; i++) first[i] = words[i];
    __sync_synchronize();
    for (int i = 0; i < 12; i++) is_same &= first[i] == words[12 + i];
    if (!is_same || !(((const unsigned char *)first)[12])) continue;
    *copied = words[24];
    __sync_synchronize();
    // The two are consistent only if no process committed or restarted the log between the two reads.
    for (int i = 0; i < 12; i++) is_same &= first[i] == words[i];
    if (!is_same) continue;
    *frames = first[4];
    for (int i = 0; i < 2; i++) {
      const unsigned char *bytes = (const unsigned char *)(first + 8 + i);
      salts[i] = (unsigned)bytes[0] << 24 | (unsigned)bytes[1] << 16 | (unsigned)bytes[2] << 8 | bytes[3];
    }
    return 1;
  }
  return -1;
}

/// Writes to a database file through SQLite's own handle.
static inline int csqlite_file_write(sqlite3 *db, const char *schema, const void *from, int count, sqlite3_int64 offset) {
  sqlite3_file *file = NULL;
  int rc = sqlite3_file_control(db, schema, SQLITE_FCNTL_FILE_POINTER, &file);
  if (rc != SQLITE_OK) return rc;
  if (file == NULL || file->pMethods == NULL) return SQLITE_CANTOPEN;
  return file->pMethods->xWrite(file, from, count, offset);
}

/// Gives a database file a length and syncs it, through SQLite's own handle.
static inline int csqlite_file_finish(sqlite3 *db, const char *schema, sqlite3_int64 size) {
  sqlite3_file *file = NULL;
  sqlite3_int64 now = 0;
  int rc = sqlite3_file_control(db, schema, SQLITE_FCNTL_FILE_POINTER, &file);
  if (rc != SQLITE_OK) return rc;
  if (file == NULL || file->pMethods == NULL) return SQLITE_CANTOPEN;
  rc = file->pMethods->xFileSize(file, &now);
  if (rc == SQLITE_OK && now != size) rc = file->pMethods->xTruncate(file, size);
  return rc == SQLITE_OK ? file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) : rc;
}

/// Sets a global option that takes two sizes: sqlite3_config is variadic.
static inline int csqlite_config_two_int64(int op, sqlite3_int64 a, sqlite3_int64 b) { return sqlite3_config(op, a, b); }

/// Sets a global option that takes two ints: sqlite3_config is variadic.
static inline int csqlite_config_two_int(int op, int a, int b) { return sqlite3_config(op, a, b); }

/// Sets page cache memory that SQLite allocates in bulk: sqlite3_config is variadic.
static inline int csqlite_config_page_cache(int size, int count) {
  return sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, size, count);
}

/// Sets the receiver of the error log: sqlite3_config is variadic.
static inline int csqlite_config_log(void (*receive)(void *, int, const char *)) {
  return sqlite3_config(SQLITE_CONFIG_LOG, receive, NULL);
}

/// Operations of sqlite3_test_control, which is variadic, by the arguments they take.
static inline int csqlite_test_none(int op) { return sqlite3_test_control(op); }
static inline int csqlite_test_int(int op, int value) { return sqlite3_test_control(op, value); }
// Requests of later libraries than the one of this header.
enum { CSQLITE_TESTCTRL_FK_NO_ACTION = 7, CSQLITE_TESTCTRL_JSON_SELFCHECK = 14, CSQLITE_TESTCTRL_USELONGDOUBLE = 34 };
static inline int csqlite_test_pointer(int op, int *value) { return sqlite3_test_control(op, value); }
static inline int csqlite_test_db(int op, sqlite3 *db) { return sqlite3_test_control(op, db); }
static inline int csqlite_test_db_int(int op, sqlite3 *db, int value) { return sqlite3_test_control(op, db, value); }
static inline int csqlite_test_seed(int seed, sqlite3 *db) {
  return sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, seed, db);
}
static inline int csqlite_test_imposter(sqlite3 *db, const char *schema, int on, int page) {
  return sqlite3_test_control(SQLITE_TESTCTRL_IMPOSTER, db, schema, on, page);
}
static inline sqlite3_uint64 csqlite_test_seek_count(sqlite3 *db) {
  sqlite3_uint64 count = 0;
  sqlite3_test_control(SQLITE_TESTCTRL_SEEK_COUNT, db, &count);
  return count;
}

/// Results of functions that are copied, or that live forever: SQLITE_TRANSIENT and SQLITE_STATIC
/// are casts.
static inline void csqlite_result_text(sqlite3_context *context, const void *bytes, sqlite3_uint64 count) {
  sqlite3_result_text64(context, bytes ? (const char *)bytes : "", count, SQLITE_TRANSIENT, SQLITE_UTF8);
}
static inline void csqlite_result_blob(sqlite3_context *context, const void *bytes, sqlite3_uint64 count) {
  sqlite3_result_blob64(context, bytes ? bytes : "", count, SQLITE_TRANSIENT);
}

/// Sets how far a virtual table may be trusted: sqlite3_vtab_config is variadic.
static inline int csqlite_vtab_config(sqlite3 *db, int op) { return sqlite3_vtab_config(db, op); }

/// Copies an error message into memory of SQLite's own: sqlite3_mprintf is variadic.
static inline char *csqlite_copy(const char *text) { return sqlite3_mprintf("%s", text); }

/// Replaces localtime_r: sqlite3_test_control is variadic.
static inline int csqlite_test_localtime(int (*convert)(const void *time, void *result)) {
  return sqlite3_test_control(SQLITE_TESTCTRL_LOCALTIME_FAULT, 2, convert);
}
