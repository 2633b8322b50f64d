// A loadable extension for programs whose databases `sqlite3-cloud-s3 -serve` mirrors.
//
// - mirror_wait(seconds): returns when everything that the database's log holds is stored in the
//   object store; the last stored transaction. It is an error if that takes longer, or if no
//   process mirrors the database.
// - mirror_position(): the last stored transaction; NULL if the database was never mirrored.
// - mirror_status(): the state as JSON.
//
// It reads the position record beside the database, which the mirroring process keeps locked and
// current. To ask for a newer one, it touches that file. It holds no keys and opens no connection.
//
// Build: cc -O2 -fPIC -shared -o sqlite3_cloud_s3.so sqlite3_cloud_s3.c
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT1

/// The end of SQLite's log (https://www.sqlite.org/walformat.html#the_wal_index_file_format).
struct log_end { uint32_t salts[2]; uint32_t frames; };

/// What the position record says.
struct record {
  char replica[4096];
  unsigned long long transaction, captured;
  uint32_t salts[2];
  unsigned long frames;
  int has_position, is_at_rest, has_file;
  long long size, modified;
  unsigned long long inode;
  char generation[64], durability[16];
  long process;
};

/// Reads the index of the log: 1, 0 if there is none, -1 if it stays half written.
static int read_log_end(sqlite3 *db, struct log_end *end) {
  sqlite3_file *file = NULL;
  volatile void *map = NULL;
  // A read opens the log, if this connection has not read yet.
  sqlite3_exec(db, "PRAGMA schema_version", NULL, NULL, NULL);
  if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || file == NULL) return 0;
  if (file->pMethods == NULL || file->pMethods->iVersion < 2 || file->pMethods->xShmMap == NULL) return 0;
  if (file->pMethods->xShmMap(file, 0, 32768, 0, &map) != SQLITE_OK || map == NULL) return 0;
  for (int attempt = 0; attempt < 1000; attempt++) {
    const volatile uint32_t *words = map;
    uint32_t first[12];
    int is_same = 1;
    for (int i = 0; i < 12; i++) first[i] = words[i];
    __sync_synchronize();
    for (int i = 0; i < 12; i++) is_same &= first[i] == words[12 + i];
    // The first copy is written last, and its byte 12 shows that it is valid.
    if (is_same && ((const unsigned char *)first)[12]) {
      end->frames = first[4];
      for (int i = 0; i < 2; i++) {
        const unsigned char *bytes = (const unsigned char *)(first + 8 + i);
        end->salts[i] = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
      }
      return 1;
    }
    if (attempt % 100 == 99) usleep(1000);
  }
  return -1;
}

/// Reads a record; 0 if it is missing, torn or damaged.
static int read_record(int descriptor, struct record *record) {
  char text[32768];
  ssize_t count = pread(descriptor, text, sizeof text - 1, 0);
  if (count <= 0 || (size_t)count >= sizeof text - 1) return 0;
  text[count] = 0;
  // The last line has the hash of everything before it.
  char *last = text + count - 1;
  if (*last != '\n') return 0;
  while (last > text && last[-1] != '\n') last--;
  char hash[64];
  XXH128_hash_t sum = XXH3_128bits(text, (size_t)(last - text));
  snprintf(hash, sizeof hash, "end %016llx%016llx\n", (unsigned long long)sum.high64, (unsigned long long)sum.low64);
  if (strcmp(last, hash) != 0 || strncmp(text, "sqlite3-cloud-s3 position 1\n", 28) != 0) return 0;
  memset(record, 0, sizeof *record);
  char *rest = NULL;
  for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
    char *value = strchr(line, ' ');
    if (value == NULL) continue;
    *value++ = 0;
    if (strcmp(line, "replica") == 0) {
      snprintf(record->replica, sizeof record->replica, "%s", value);
    } else if (strcmp(line, "transaction") == 0) {
      record->transaction = strtoull(value, NULL, 10);
      if (record->captured < record->transaction) record->captured = record->transaction;
    } else if (strcmp(line, "captured") == 0) {
      record->captured = strtoull(value, NULL, 10);
    } else if (strcmp(line, "wal") == 0) {
      record->has_position =
          sscanf(value, "%8x%8x %lu", &record->salts[0], &record->salts[1], &record->frames) == 3;
    } else if (strcmp(line, "rest") == 0) {
      record->is_at_rest = strcmp(value, "yes") == 0;
    } else if (strcmp(line, "file") == 0) {
      record->has_file = sscanf(value, "%lld %lld %llu", &record->size, &record->modified, &record->inode) == 3;
    } else if (strcmp(line, "place") == 0) {
      sscanf(value, "%17[0-9a-f-]", record->generation);
    } else if (strcmp(line, "writer") == 0) {
      sscanf(value, "%ld %15s", &record->process, record->durability);
    }
  }
  return record->replica[0] != 0;
}

/// Returns whether the record shows everything up to `end` as stored; `now` is the current end.
static int is_stored(const char *path, const struct record *record, const struct log_end *end, const struct log_end *now) {
  int is_now = memcmp(end, now, sizeof *end) == 0;
  if (end->frames == 0 && is_now) {
    struct stat file;
    // The log is empty: the record must belong to the file as it is.
    return record->is_at_rest && record->has_file && stat(path, &file) == 0 && file.st_size == record->size &&
           (unsigned long long)file.st_ino == record->inode &&
           (long long)file.st_mtim.tv_sec * 1000000000LL + file.st_mtim.tv_nsec == record->modified;
  }
  if (!record->has_position) return 0;
  if (memcmp(record->salts, end->salts, sizeof end->salts) == 0) return record->frames >= end->frames;
  // The log was restarted since, and something of its current epoch is stored.
  return memcmp(record->salts, now->salts, sizeof now->salts) == 0 && memcmp(now->salts, end->salts, sizeof end->salts) != 0;
}

/// Whether a process holds the lock of the record, which is the claim on the mirror.
static int is_held(int descriptor) {
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) return 1;
  flock(descriptor, LOCK_UN);
  return 0;
}

/// Returns the process that holds the lock, by /proc/locks (proc_locks(5)); 0 if it does not show one.
static long holder_of(int descriptor) {
  struct stat file;
  FILE *locks = fstat(descriptor, &file) == 0 ? fopen("/proc/locks", "re") : NULL;
  if (locks == NULL) return 0;
  char line[512], kind[16], place[128];
  long process, found = 0;
  while (found == 0 && fgets(line, sizeof line, locks) != NULL) {
    if (sscanf(line, "%*s %15s %*s %*s %ld %127s", kind, &process, place) != 3 || strcmp(kind, "FLOCK") != 0) continue;
    const char *inode = strrchr(place, ':');
    if (inode != NULL && strtoull(inode + 1, NULL, 10) == (unsigned long long)file.st_ino) found = process;
  }
  fclose(locks);
  return found;
}

/// Whether the current holder wrote the record: one of an earlier process may name another replica.
static int is_of_holder(int descriptor, const struct record *record) {
  long holder = holder_of(descriptor);
  return holder <= 0 || holder == record->process;
}

static double now_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/// Opens the position record of the main database; -1 with an error for the caller if `reports`.
static int open_record(sqlite3_context *context, sqlite3 *db, const char **path, char *name, size_t size, int reports) {
  *path = sqlite3_db_filename(db, "main");
  if (*path == NULL || **path == 0) {
    if (reports) sqlite3_result_error(context, "mirror: a database in memory is not mirrored", -1);
    return -1;
  }
  snprintf(name, size, "%s-s3pos", *path);
  int descriptor = open(name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0 && reports) {
    char text[256];
    if (errno == ENOENT) {
      snprintf(text, sizeof text, "mirror: no process mirrors the database");
    } else {
      snprintf(text, sizeof text, "mirror: cannot open the record beside the database: %s", strerror(errno));
    }
    sqlite3_result_error(context, text, -1);
  }
  return descriptor;
}

static void mirror_wait(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count;
  sqlite3 *db = sqlite3_context_db_handle(context);
  double deadline = now_seconds() + sqlite3_value_double(values[0]);
  const char *path;
  char name[4352];
  int descriptor = open_record(context, db, &path, name, sizeof name, 1);
  if (descriptor < 0) return;
  int watch = -1;
  if (!is_held(descriptor)) {
    sqlite3_result_error(context, "mirror: no process mirrors the database", -1);
    goto done;
  }
  struct log_end end, now;
  int found = read_log_end(db, &end);
  if (found <= 0) {
    sqlite3_result_error(
        context, found < 0 ? "mirror: the index of the log is damaged" : "mirror: the database has no log", -1);
    goto done;
  }
  watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (watch >= 0) inotify_add_watch(watch, name, IN_MODIFY);
  double asked = 0;
  while (1) {
    double time = now_seconds();
    // The holder reads the log at once, and writes the record as soon as it can.
    if (time - asked > 0.25) {
      asked = time;
      futimens(descriptor, NULL);
    }
    struct record record;
    if (read_log_end(db, &now) == 1 && read_record(descriptor, &record) && is_of_holder(descriptor, &record) &&
        is_stored(path, &record, &end, &now)) {
      sqlite3_result_int64(context, (sqlite3_int64)record.transaction);
      break;
    }
    double left = deadline - time;
    if (left <= 0) {
      sqlite3_result_error(
          context,
          is_held(descriptor) ? "mirror: not everything is stored in time" : "mirror: the process that mirrored has ended",
          -1);
      break;
    }
    int pause = left < 0.25 ? (int)(left * 1000) + 1 : 250;
    if (watch < 0) {
      usleep(2000);
    } else {
      struct pollfd polled = {watch, POLLIN, 0};
      char events[4096];
      if (poll(&polled, 1, pause) > 0) while (read(watch, events, sizeof events) > 0) {}
    }
  }
done:
  if (watch >= 0) close(watch);
  close(descriptor);
}

static void mirror_position(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count, (void)values;
  const char *path;
  char name[4352];
  int descriptor = open_record(context, sqlite3_context_db_handle(context), &path, name, sizeof name, 0);
  if (descriptor < 0) return;
  struct record record;
  if (read_record(descriptor, &record)) sqlite3_result_int64(context, (sqlite3_int64)record.transaction);
  close(descriptor);
}

/// Appends a text in quotes (RFC 8259).
static void append_quoted(sqlite3_str *out, const char *text) {
  sqlite3_str_appendchar(out, 1, '"');
  for (; *text != 0; text++) {
    unsigned char byte = (unsigned char)*text;
    if (byte == '"' || byte == '\\') {
      sqlite3_str_appendf(out, "\\%c", byte);
    } else if (byte < 32) {
      sqlite3_str_appendf(out, "\\u%04x", byte);
    } else {
      sqlite3_str_appendchar(out, 1, (char)byte);
    }
  }
  sqlite3_str_appendchar(out, 1, '"');
}

static void mirror_status(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count, (void)values;
  sqlite3 *db = sqlite3_context_db_handle(context);
  const char *path;
  char name[4352];
  int descriptor = open_record(context, db, &path, name, sizeof name, 0);
  struct record record;
  struct log_end end;
  int is_mirrored = descriptor >= 0 && is_held(descriptor);
  int has_record = descriptor >= 0 && read_record(descriptor, &record);
  sqlite3_str *out = sqlite3_str_new(db);
  sqlite3_str_appendf(out, "{\"mirrored\":%s", is_mirrored ? "true" : "false");
  if (has_record) {
    sqlite3_str_appendall(out, ",\"replica\":");
    append_quoted(out, record.replica);
    sqlite3_str_appendf(
        out, ",\"generation\":\"%s\",\"mirrored_transaction\":%llu,\"committed_transaction\":%llu,\"process\":%ld",
        record.generation, record.transaction, record.captured, record.process);
    if (read_log_end(db, &end) == 1) {
      int is_all = is_stored(path, &record, &end, &end);
      int is_same = record.has_position && memcmp(record.salts, end.salts, sizeof end.salts) == 0;
      long lag = is_all ? 0 : (long)end.frames - (is_same ? (long)record.frames : 0);
      sqlite3_str_appendf(out, ",\"lag_frames\":%lld", (long long)(lag < 0 ? 0 : lag));
    }
  }
  sqlite3_str_appendall(out, "}");
  if (descriptor >= 0) close(descriptor);
  char *text = sqlite3_str_finish(out);
  if (text == NULL) {
    sqlite3_result_error_nomem(context);
  } else {
    sqlite3_result_text(context, text, -1, sqlite3_free);
  }
}

int sqlite3_sqliteclouds_init(sqlite3 *db, char **error, const sqlite3_api_routines *api) {
  (void)error;
  SQLITE_EXTENSION_INIT2(api);
  int flags = SQLITE_UTF8 | SQLITE_DIRECTONLY;
  int code = sqlite3_create_function(db, "mirror_wait", 1, flags, NULL, mirror_wait, NULL, NULL);
  if (code == SQLITE_OK) code = sqlite3_create_function(db, "mirror_position", 0, flags, NULL, mirror_position, NULL, NULL);
  if (code == SQLITE_OK) code = sqlite3_create_function(db, "mirror_status", 0, flags, NULL, mirror_status, NULL, NULL);
  return code;
}

/// The name that SQLite looks for first (https://www.sqlite.org/loadext.html).
int sqlite3_extension_init(sqlite3 *db, char **error, const sqlite3_api_routines *api) {
  return sqlite3_sqliteclouds_init(db, error, api);
}
