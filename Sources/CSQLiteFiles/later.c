#define _GNU_SOURCE
// Functions of later libraries than the one of this header.
#include "CSQLiteFiles.h"
#include <dlfcn.h>
#include <sqlite3.h>

int csqlite_stmt_explain(sqlite3_stmt *statement, int level) {
  int (*explain)(sqlite3_stmt *, int) = (int (*)(sqlite3_stmt *, int))dlsym(RTLD_DEFAULT, "sqlite3_stmt_explain");
  return explain ? explain(statement, level) : SQLITE_ERROR;
}
