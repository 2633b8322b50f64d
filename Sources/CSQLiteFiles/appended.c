#include "CSQLiteFiles.h"

#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// A file system over the default one for databases after other content in their file, such as a
// program. The file ends with a mark of 25 bytes: "Start-Of-SQLite3-" and the offset of the
// database, 8 bytes, big-endian. The database begins at a multiple of 4096 in our files, and of 512
// in others; its content ends at the mark. It is in C because SQLite's file methods are tables of C
// functions.

static const char mark_text[] = "Start-Of-SQLite3-";
static const char database_text[16] = "SQLite format 3";

enum { text_size = 17, mark_size = 25, alignment = 4096, smallest_page = 512 };

// The maximum size of such a database, in bytes.
static const sqlite3_int64 greatest_size = 65536LL * 15259;

typedef struct {
  sqlite3_file base;
  sqlite3_int64 start; // of the database in the file
  sqlite3_int64 mark;  // offset of the mark; -1 until it is first written
} appended_file;

static sqlite3_file *below(sqlite3_file *file) { return (sqlite3_file *)((appended_file *)file + 1); }
static sqlite3_vfs *system_below(sqlite3_vfs *vfs) { return (sqlite3_vfs *)vfs->pAppData; }

// MARK: the mark

static int write_mark(appended_file *file, sqlite3_int64 at) {
  unsigned char mark[mark_size];
  memcpy(mark, mark_text, text_size);
  for (int i = 0; i < 8; i++) mark[text_size + i] = (unsigned char)(file->start >> (56 - 8 * i));
  sqlite3_file *real = below(&file->base);
  int code = real->pMethods->xWrite(real, mark, mark_size, at);
  if (code == SQLITE_OK) file->mark = at;
  return code;
}

// The start of the database by the file's mark; -1 if there is no mark or it is impossible.
static sqlite3_int64 start_in(sqlite3_file *real, sqlite3_int64 size) {
  unsigned char mark[mark_size];
  if (size < mark_size + smallest_page || (size - mark_size) % smallest_page != 0) return -1;
  if (real->pMethods->xRead(real, mark, mark_size, size - mark_size) != SQLITE_OK) return -1;
  if (memcmp(mark, mark_text, text_size) != 0 || mark[text_size] & 0x80) return -1;
  sqlite3_int64 start = 0;
  for (int i = 0; i < 8; i++) start = start << 8 | mark[text_size + i];
  if (start % smallest_page != 0 || start > size - mark_size - smallest_page) return -1;
  char head[16];
  if (real->pMethods->xRead(real, head, 16, start) != SQLITE_OK) return -1;
  return memcmp(head, database_text, 16) == 0 ? start : -1;
}

// Whether a file is a database from its first byte to its last.
static int is_plain_database(sqlite3_file *real, sqlite3_int64 size) {
  char head[16];
  return size % smallest_page == 0 && real->pMethods->xRead(real, head, 16, 0) == SQLITE_OK
         && memcmp(head, database_text, 16) == 0;
}

// MARK: methods that know of the offset

static int file_read(sqlite3_file *file, void *into, int count, sqlite3_int64 offset) {
  appended_file *own = (appended_file *)file;
  sqlite3_file *real = below(file);
  sqlite3_int64 there = own->mark < 0 ? 0 : own->mark - own->start - offset;
  if (there >= count) return real->pMethods->xRead(real, into, count, own->start + offset);
  // The mark is no part of the database.
  if (there < 0) there = 0;
  memset((char *)into + there, 0, (size_t)(count - there));
  int code = there == 0 ? SQLITE_OK : real->pMethods->xRead(real, into, (int)there, own->start + offset);
  return code == SQLITE_OK ? SQLITE_IOERR_SHORT_READ : code;
}

static int file_write(sqlite3_file *file, const void *from, int count, sqlite3_int64 offset) {
  appended_file *own = (appended_file *)file;
  sqlite3_file *real = below(file);
  if (offset + count > greatest_size) return SQLITE_IOERR_WRITE;
  // The mark comes first: the file always ends with one.
  sqlite3_int64 end = own->start + offset + count;
  if (own->mark < end) {
    int code = write_mark(own, end);
    if (code != SQLITE_OK) return code;
  }
  return real->pMethods->xWrite(real, from, count, own->start + offset);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
  appended_file *own = (appended_file *)file;
  sqlite3_file *real = below(file);
  int code = write_mark(own, own->start + size);
  return code == SQLITE_OK ? real->pMethods->xTruncate(real, own->start + size + mark_size) : code;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
  appended_file *own = (appended_file *)file;
  *size = own->mark < 0 ? 0 : own->mark - own->start;
  return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int request, void *argument) {
  appended_file *own = (appended_file *)file;
  sqlite3_file *real = below(file);
  if (request == SQLITE_FCNTL_SIZE_HINT) *(sqlite3_int64 *)argument += own->start;
  int code = real->pMethods->xFileControl(real, request, argument);
  if (code == SQLITE_OK && request == SQLITE_FCNTL_VFSNAME) {
    *(char **)argument = sqlite3_mprintf("apnd(%lld)/%z", own->start, *(char **)argument);
  }
  return code;
}

static int file_fetch(sqlite3_file *file, sqlite3_int64 offset, int count, void **page) {
  appended_file *own = (appended_file *)file;
  sqlite3_file *real = below(file);
  *page = 0;
  if (own->mark < 0 || own->start + offset + count > own->mark || real->pMethods->iVersion < 3) return SQLITE_OK;
  return real->pMethods->xFetch(real, own->start + offset, count, page);
}

static int file_unfetch(sqlite3_file *file, sqlite3_int64 offset, void *page) {
  sqlite3_file *real = below(file);
  return real->pMethods->xUnfetch(real, ((appended_file *)file)->start + offset, page);
}

// MARK: methods handed down

#define DOWN(call) sqlite3_file *real = below(file); return real->pMethods->call
static int file_close(sqlite3_file *file) { DOWN(xClose(real)); }
static int file_sync(sqlite3_file *file, int flags) { DOWN(xSync(real, flags)); }
static int file_lock(sqlite3_file *file, int level) { DOWN(xLock(real, level)); }
static int file_unlock(sqlite3_file *file, int level) { DOWN(xUnlock(real, level)); }
static int file_reserved(sqlite3_file *file, int *answer) { DOWN(xCheckReservedLock(real, answer)); }
static int file_sector(sqlite3_file *file) { DOWN(xSectorSize(real)); }
static int file_characteristics(sqlite3_file *file) { DOWN(xDeviceCharacteristics(real)); }
static int file_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **address) {
  DOWN(xShmMap(real, region, size, extend, address));
}
static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
  DOWN(xShmLock(real, offset, count, flags));
}
static void file_shm_barrier(sqlite3_file *file) {
  sqlite3_file *real = below(file);
  real->pMethods->xShmBarrier(real);
}
static int file_shm_unmap(sqlite3_file *file, int deletes) { DOWN(xShmUnmap(real, deletes)); }

static const sqlite3_io_methods methods = {
    3,           file_close,  file_read,    file_write,    file_truncate,    file_sync,
    file_size,   file_lock,   file_unlock,  file_reserved, file_control,     file_sector,
    file_characteristics,     file_shm_map, file_shm_lock, file_shm_barrier, file_shm_unmap,
    file_fetch,  file_unfetch};

// MARK: the file system

static int open_appended(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
  sqlite3_vfs *system = system_below(vfs);
  // Journals and logs are ordinary files beside it.
  if (!(flags & SQLITE_OPEN_MAIN_DB)) return system->xOpen(system, name, file, flags, out);
  appended_file *own = (appended_file *)file;
  memset(own, 0, sizeof *own);
  sqlite3_file *real = below(file);
  int code = system->xOpen(system, name, real, flags, out);
  if (code != SQLITE_OK) return code;
  sqlite3_int64 size = 0;
  code = real->pMethods->xFileSize(real, &size);
  if (code == SQLITE_OK) {
    own->start = start_in(real, size);
    own->mark = size - mark_size;
    if (own->start < 0) {
      if (is_plain_database(real, size)) {
        memmove(file, real, (size_t)system->szOsFile);
        return SQLITE_OK;
      }
      if (!(flags & SQLITE_OPEN_CREATE)) code = SQLITE_CANTOPEN;
      own->start = (size + alignment - 1) / alignment * alignment;
      own->mark = -1;
    }
  }
  if (code != SQLITE_OK) {
    real->pMethods->xClose(real);
    return code;
  }
  file->pMethods = &methods;
  return SQLITE_OK;
}

#define SYSTEM sqlite3_vfs *system = system_below(vfs); return system
static int delete_file(sqlite3_vfs *vfs, const char *name, int sync) { SYSTEM->xDelete(system, name, sync); }
static int access_file(sqlite3_vfs *vfs, const char *name, int flags, int *answer) {
  SYSTEM->xAccess(system, name, flags, answer);
}
static int full_name(sqlite3_vfs *vfs, const char *name, int size, char *out) {
  SYSTEM->xFullPathname(system, name, size, out);
}
static void *library_open(sqlite3_vfs *vfs, const char *name) { SYSTEM->xDlOpen(system, name); }
static void library_error(sqlite3_vfs *vfs, int size, char *text) {
  system_below(vfs)->xDlError(system_below(vfs), size, text);
}
static void (*library_symbol(sqlite3_vfs *vfs, void *library, const char *name))(void) {
  SYSTEM->xDlSym(system, library, name);
}
static void library_close(sqlite3_vfs *vfs, void *library) { system_below(vfs)->xDlClose(system_below(vfs), library); }
static int random_bytes(sqlite3_vfs *vfs, int size, char *out) { SYSTEM->xRandomness(system, size, out); }
static int sleep_for(sqlite3_vfs *vfs, int microseconds) { SYSTEM->xSleep(system, microseconds); }
static int time_now(sqlite3_vfs *vfs, double *day) { SYSTEM->xCurrentTime(system, day); }
static int last_error(sqlite3_vfs *vfs, int size, char *text) { SYSTEM->xGetLastError(system, size, text); }
static int time_now_exactly(sqlite3_vfs *vfs, sqlite3_int64 *time) { SYSTEM->xCurrentTimeInt64(system, time); }
static int set_call(sqlite3_vfs *vfs, const char *name, sqlite3_syscall_ptr call) {
  SYSTEM->xSetSystemCall(system, name, call);
}
static sqlite3_syscall_ptr get_call(sqlite3_vfs *vfs, const char *name) { SYSTEM->xGetSystemCall(system, name); }
static const char *next_call(sqlite3_vfs *vfs, const char *name) { SYSTEM->xNextSystemCall(system, name); }

static sqlite3_vfs appended_files = {
    3,           0,           1024,          0,             "apndvfs",      0,         open_appended,
    delete_file, access_file, full_name,     library_open,  library_error,  library_symbol,
    library_close, random_bytes, sleep_for,  time_now,      last_error,     time_now_exactly,
    set_call,    get_call,    next_call};

int csqlite_register_appended_files(void) {
  sqlite3_vfs *system = sqlite3_vfs_find(0);
  if (system == 0) return SQLITE_ERROR;
  if (system == &appended_files || sqlite3_vfs_find("apndvfs") == &appended_files) return SQLITE_OK;
  appended_files.szOsFile = system->szOsFile + (int)sizeof(appended_file);
  appended_files.pAppData = system;
  return sqlite3_vfs_register(&appended_files, 0);
}

// MARK: looking at files

static sqlite3_file *open_for_reading(sqlite3_vfs *system, const char *path, char **name, sqlite3_int64 *size) {
  // This comes first, because a failure in SQLite's own file system would go to the error log.
  struct stat status;
  if (stat(path, &status) != 0 || !S_ISREG(status.st_mode) || access(path, R_OK) != 0) return 0;
  char *full = sqlite3_malloc(system->mxPathname + 1);
  sqlite3_file *file = sqlite3_malloc(system->szOsFile);
  *name = 0;
  if (full && file) {
    memset(file, 0, (size_t)system->szOsFile);
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB;
    if (system->xFullPathname(system, path, system->mxPathname + 1, full) & ~SQLITE_OK_SYMLINK) goto failed;
    *name = (char *)sqlite3_create_filename(full, "", "", 0, 0);
    if (*name && system->xOpen(system, *name, file, flags, &flags) == SQLITE_OK) {
      sqlite3_free(full);
      if (file->pMethods->xFileSize(file, size) == SQLITE_OK) return file;
      file->pMethods->xClose(file);
      full = 0;
    }
  }
failed:
  sqlite3_free_filename(*name);
  sqlite3_free(full);
  sqlite3_free(file);
  return 0;
}

static void close_after_reading(sqlite3_file *file, char *name) {
  file->pMethods->xClose(file);
  sqlite3_free_filename(name);
  sqlite3_free(file);
}

int csqlite_holds_appended_database(const char *path) {
  sqlite3_vfs *system = sqlite3_vfs_find(0);
  char *name = 0;
  sqlite3_int64 size = 0;
  sqlite3_file *file = system ? open_for_reading(system, path, &name, &size) : 0;
  if (file == 0) return 0;
  // As in sqlite3, the mark's text is enough, but a file that begins like a database is one.
  char text[text_size];
  int answer = size >= mark_size && file->pMethods->xRead(file, text, 16, 0) == SQLITE_OK
               && memcmp(text, database_text, 16) != 0
               && file->pMethods->xRead(file, text, text_size, size - mark_size) == SQLITE_OK
               && memcmp(text, mark_text, text_size) == 0;
  close_after_reading(file, name);
  return answer;
}

int csqlite_holds_archive(const char *path) {
  sqlite3_vfs *system = sqlite3_vfs_find(0);
  char *name = 0;
  sqlite3_int64 size = 0;
  sqlite3_file *file = system ? open_for_reading(system, path, &name, &size) : 0;
  if (file == 0) return 0;
  char head[16], end[4];
  int is_database = size >= 16 && file->pMethods->xRead(file, head, 16, 0) == SQLITE_OK
                    && memcmp(head, database_text, 16) == 0;
  int answer = !is_database && size >= 22 && file->pMethods->xRead(file, end, 4, size - 22) == SQLITE_OK
               && memcmp(end, "PK\005\006", 4) == 0;
  close_after_reading(file, name);
  return answer;
}

long long csqlite_file_length(const char *path) {
  sqlite3_vfs *system = sqlite3_vfs_find(0);
  char *name = 0;
  sqlite3_int64 size = 0;
  sqlite3_file *file = system ? open_for_reading(system, path, &name, &size) : 0;
  if (file == 0) return -1;
  close_after_reading(file, name);
  return size;
}

void *csqlite_read_file(const char *path, long long *count) {
  sqlite3_vfs *system = sqlite3_vfs_find(0);
  char *name = 0;
  sqlite3_int64 size = 0;
  *count = 0;
  sqlite3_file *file = system ? open_for_reading(system, path, &name, &size) : 0;
  if (file == 0) return 0;
  char *bytes = size > 0 ? sqlite3_malloc64((sqlite3_uint64)size) : 0;
  for (sqlite3_int64 at = 0; bytes && at < size;) {
    int part = size - at > (1 << 30) ? 1 << 30 : (int)(size - at);
    if (file->pMethods->xRead(file, bytes + at, part, at) != SQLITE_OK) {
      sqlite3_free(bytes);
      bytes = 0;
    }
    at += part;
  }
  close_after_reading(file, name);
  if (bytes) *count = size;
  return bytes;
}
