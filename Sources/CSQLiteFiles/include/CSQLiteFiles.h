#pragma once

/// Registers the file system `apndvfs`: databases at the end of another file. Safe to call again.
int csqlite_register_appended_files(void);

/// Whether a file holds a database behind something else; asks SQLite's own file system, so that no lock is lost.
int csqlite_holds_appended_database(const char *path);

/// Whether a file ends as a ZIP archive does, and is no database; asks SQLite's own file system.
int csqlite_holds_archive(const char *path);

/// Length of a file; -1 where it cannot be opened. Asks SQLite's own file system.
long long csqlite_file_length(const char *path);

/// Reads a whole file into memory of sqlite3_malloc64; NULL where it is empty or cannot be read.
void *csqlite_read_file(const char *path, long long *count);

/// Writes a line to standard error for each allocation from now on; the library must not be in use yet.
int csqlite_trace_memory(void);
