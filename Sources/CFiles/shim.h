#pragma once

/// sync_file_range of Linux, which glibc's headers show only to those who ask for its extensions, as Swift does not. The
/// name is another one, lest both be seen.
extern int cfiles_sync_file_range(int descriptor, long long offset, long long count, unsigned flags)
    __asm__("sync_file_range");

/// SYNC_FILE_RANGE_WRITE.
enum { cfiles_begin_writing = 2 };

/// prctl of Linux, which Swift cannot call since it takes any number of arguments.
extern int cfiles_prctl(int option, unsigned long argument) __asm__("prctl");

/// PR_SET_DUMPABLE.
enum { cfiles_set_dumpable = 4 };
