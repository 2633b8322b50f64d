#pragma once
#include <stddef.h>
#include <stdint.h>

// Loops over pages, for the instructions of the current processor. They are in C because a Swift
// function can only be compiled for instructions that every processor has.

/// Continues the two sums of SQLite's WAL checksum over `count` bytes, a multiple of 8, of
/// little-endian words.
void ckernels_wal_sums(const void *bytes, size_t count, uint32_t *first, uint32_t *second);

/// The same, one pair of words after the other.
void ckernels_wal_sums_plain(const void *bytes, size_t count, uint32_t *first, uint32_t *second);

/// The first difference of two runs of `count` bytes; `count` if there is none.
size_t ckernels_mismatch(const void *one, const void *other, size_t count);

/// XXH3-128 of any number of bytes.
void ckernels_hash128(const void *bytes, size_t count, uint64_t seed, uint64_t *high, uint64_t *low);
