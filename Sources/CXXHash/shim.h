#pragma once
// xxHash compiled into the caller: the 128-bit hash of a page is on the mirror's hot path.
#define XXH_INLINE_ALL
#include <xxhash.h>

/// XXH3-128: the header renames its functions by macro when inlined, which Swift does not import.
static inline void cxxhash_128(const void *bytes, size_t count, uint64_t seed, uint64_t *high, uint64_t *low) {
  XXH128_hash_t hash = XXH3_128bits_withSeed(bytes, count, seed);
  *high = hash.high64;
  *low = hash.low64;
}
